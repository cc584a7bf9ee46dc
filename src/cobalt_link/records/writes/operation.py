"""What a kind of write is, as data: its route, how its fields become the connector's write, and its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

import msgspec
from starlette.datastructures import UploadFile

from cobalt_link.connector.writes import WRITES, Write, WriteCapability
from cobalt_link.connector.writing import Held, Reason
from cobalt_link.records.ids import Kind
from cobalt_link.web.problems import Problem

Fields = dict[str, Any]
PATIENT = frozenset({"patient_ehr_id", "patient_mrn"})
NOT_STORED = frozenset({"expires_in", "dry_run"})


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A write that the EHR holds. `asked` are the fields of the request."""

    record_id: str
    asked: Fields
    write: Any
    held: Held


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a request that names another record, by our id or by the EHR's. `field` is the write's, for the EHR's
    id. An id of ours that nobody knows is left out if the request has `unless`."""

    kinds: tuple[Kind, ...]
    field: str
    unless: str | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of write.

    `asked` is the request, `record` the key of the record's id in the answer, `kind` what the record is. `target` is
    the path parameter that names an existing record. `names` gives the field of the connector's write for a field of
    the request that is called otherwise there, `called` the reverse for fields that `shape` makes, and `ids` the fields
    that name other records. What an EHR does not take is
    refused, but for `advice`, which is dropped. `only_new` are fields of a change that only a record takes which is
    still to be created. `shape` makes further fields of the write from the request, and raises a Problem for one that
    makes no sense. `done` and `failed` are the types of its events. `done_with` has another one for a write with a
    field, and `changes` are the kinds of those named records that the write changes beside its own: the schedule shows
    an insurance that was added. `data` is what the event says, `echo` are the fields of the request that the event of a
    failure repeats, and `echoed` those that the answer does. `not_found` and `not_created` are the contract's words for
    a record that nobody knows, and for one that its own job could not create. `errors` are those that only it has.
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
    done_with: Mapping[str, str] = {}
    changes: frozenset[Kind] = frozenset()
    status: int = 200
    target: str | None = None
    names: Mapping[str, str] = {}
    called: Mapping[str, str] = {}
    ids: Mapping[str, Other] = {}
    advice: frozenset[str] = frozenset()
    only_new: frozenset[str] = frozenset()
    shape: Callable[[Any], Fields] | None = None
    data: Callable[[Done], Fields] | None = None
    echo: tuple[str, ...] = ()
    echoed: tuple[str, ...] = ()
    not_found: str | None = None
    not_created: str | None = None
    max_body: int | None = None
    errors: tuple[type[Problem], ...] = ()

    @property
    def write(self) -> type[Write]:
        return WRITES[self.name]

    @property
    def events(self) -> tuple[str, ...]:
        """All types of its events."""
        return tuple(dict.fromkeys((self.done, *self.done_with.values(), self.failed)))

    def event_of(self, write: Write) -> str:
        """The type of the event that tells that the EHR holds a write."""
        with_field = (kind for name, kind in self.done_with.items() if getattr(write, name) not in (None, False))
        return next(with_field, self.done)

    def sent(self, asked: msgspec.Struct) -> Fields:
        """The fields of a request as JSON, without files and without those that were not sent."""
        given = {name: getattr(asked, name) for name in asked.__struct_fields__ if name not in NOT_STORED}
        files = {name for name, value in given.items() if isinstance(value, UploadFile)}
        return {
            name: msgspec.to_builtins(value) for name, value in given.items() if value is not None and name not in files
        }

    def filled(self, asked: msgspec.Struct, sent: Fields | None = None) -> Fields:
        """The fields of the connector's write that a request fills, as JSON, without ids and patients. Raises a Problem
        for a request that makes no sense. `sent` is what `sent` gave, if that is known."""
        own = {*self.write.__struct_fields__} - PATIENT
        given = self.sent(asked) if sent is None else sent
        named = {self.names.get(name, name): value for name, value in given.items() if name not in self.ids}
        shaped = self.shape(asked) if self.shape else {}
        fields = {name: value for name, value in (named | shaped).items() if name in own and value is not None}
        return msgspec.to_builtins(fields)

    def others(self, sent: Fields, target: str | None) -> dict[str, tuple[Other, str]]:
        """The records that a request names, with the id of each. The one in its path is "target"."""
        named = {mine: (other, sent[mine]) for mine, other in self.ids.items() if sent.get(mine)}
        if target is not None:
            named["target"] = (Other(kinds=(self.kind,), field="ehr_id"), target)
        return named

    def unsupported(self, filled: Fields, sent: Fields, taken: tuple[str, ...]) -> list[str]:
        """The fields of the request that the EHR does not take, by their names in the request."""
        optional = _optional(self.write)
        given = {*filled} | {other.field for mine, other in self.ids.items() if sent.get(mine)}
        refused = given & optional - {*taken} - {self.names.get(name, name) for name in self.advice}
        refused = {name for name in refused if not _asks_nothing(filled.get(name))}
        return sorted({self.in_request(name) for name in refused} | self.only_new & {*sent})

    def lacking(self, filled: Fields, sent: Fields, required: tuple[str, ...]) -> list[str]:
        """The fields that the EHR requires and the request does not have, by their names in the request."""
        given = {*filled} | {other.field for mine, other in self.ids.items() if sent.get(mine)}
        return [self.in_request(name) for name in required if name not in given or _is_empty(filled.get(name))]

    def reason(self, reason: Reason) -> Reason:
        """With the name that the request gives to the field."""
        return msgspec.structs.replace(reason, field=self.in_request(reason.field)) if reason.field else reason

    def in_request(self, field: str) -> str:
        """What the request calls a field of the write."""
        ours = {theirs: mine for mine, theirs in self.names.items()}
        ours |= {other.field: mine for mine, other in self.ids.items()}
        return self.called.get(field) or ours.get(field, field)


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | tuple) and not value


def _asks_nothing(value: Any) -> bool:
    return value is False or _is_empty(value)


@cache  # reading the fields of a struct takes longer than all else of a request
def _optional(write: type[Write]) -> frozenset[str]:
    return frozenset(each.name for each in msgspec.structs.fields(write) if not each.required)
