"""What a kind of write is, as data: its route, how its fields become the connector's write, and its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from starlette.datastructures import UploadFile

from cobalt_link.connector.writes import WRITES, Write, WriteCapability
from cobalt_link.connector.writing import Held
from cobalt_link.records.ids import Kind

Fields = dict[str, Any]
NOT_STORED = frozenset({"expires_in", "dry_run"})


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A write that the EHR holds. `asked` are the fields of the request."""

    record_id: str
    asked: Fields
    write: Any
    held: Held


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of write.

    `asked` is the request, `record` the key of the record's id in the answer, `kind` what the record is. `target` is
    the path parameter that names an existing record. `names` gives the field of the connector's write for a field of
    the request that is called otherwise there, `ids` the field for one that may hold an id of ours, with its kind. What
    an EHR does not take is refused, but for `advice`, which is dropped. `shape` makes further fields of the write from
    the request, and raises a Problem for one that makes no sense. `data` is what the event says.
    """

    name: WriteCapability
    method: Literal["POST", "PATCH"] = "POST"
    path: str
    asked: type[msgspec.Struct]
    record: str
    kind: Kind
    message: str
    summary: str
    done: str
    failed: str
    status: int = 200
    target: str | None = None
    names: Mapping[str, str] = {}
    ids: Mapping[str, tuple[Kind, str]] = {}
    advice: frozenset[str] = frozenset()
    shape: Callable[[Any], Fields] | None = None
    data: Callable[[Done], Fields] | None = None
    max_body: int | None = None

    @property
    def write(self) -> type[Write]:
        return WRITES[self.name]

    def sent(self, asked: msgspec.Struct) -> Fields:
        """The fields of a request as JSON, without files and without those that were not sent."""
        given = {name: getattr(asked, name) for name in asked.__struct_fields__ if name not in NOT_STORED}
        files = {name for name, value in given.items() if isinstance(value, UploadFile)}
        return {
            name: msgspec.to_builtins(value) for name, value in given.items() if value is not None and name not in files
        }

    def filled(self, asked: msgspec.Struct) -> Fields:
        """The fields of the connector's write that a request fills, as JSON, without ids and patients. Raises a Problem
        for a request that makes no sense."""
        own = set(self.write.__struct_fields__)
        sent = {self.names.get(name, name): value for name, value in self.sent(asked).items() if name not in self.ids}
        shaped = self.shape(asked) if self.shape else {}
        fields = {name: value for name, value in (sent | shaped).items() if name in own and value is not None}
        return msgspec.to_builtins(fields)

    def unsupported(self, filled: Fields, sent: Fields, taken: tuple[str, ...]) -> list[str]:
        """The fields of the request that the EHR does not take, by their names in the request."""
        optional = {each.name for each in msgspec.structs.fields(self.write) if not each.required}
        ours = {theirs: mine for mine, theirs in self.names.items()}
        ours |= {theirs: mine for mine, (_, theirs) in self.ids.items()}
        given = {*filled} | {theirs for mine, (_, theirs) in self.ids.items() if sent.get(mine)}
        refused = given & optional - {*taken} - {self.names.get(name, name) for name in self.advice}
        return sorted(ours.get(name, name) for name in refused if filled.get(name) not in ([], False))
