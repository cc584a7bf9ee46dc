"""Which member of the EHR's rows holds which field of a write, there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from cobalt_link.connector import Write

Row = dict[str, Any]


def same(value: Any) -> Any:
    return value


class Field(msgspec.Struct, frozen=True):
    """`member` is a path such as "address.city". `theirs` makes the EHR's value of ours, and `ours` the reverse."""

    name: str
    member: str
    theirs: Callable[[Any], Any] = same
    ours: Callable[[Any], Any] = same

    def matches(self, asked: Any, there: Any) -> bool:
        """Whether the EHR's value is the one that was asked for: by its spelling, or by what it means, as the same time
        in another zone."""
        return self.theirs(asked) == there or (there not in ("", None) and self.ours(there) == asked)


Fields = tuple[Field, ...]


def plain(*names: str) -> Fields:
    """Fields that the EHR calls as we do."""
    return tuple(Field(name, name) for name in names)


def asked(fields: Fields, write: Write) -> list[Field]:
    """Those that the app sent."""
    return [each for each in fields if getattr(write, each.name) not in (None, ())]


def body(fields: Fields, write: Write) -> Row:
    """What the app sent, as the EHR takes it."""
    made: Row = {}
    for each in asked(fields, write):
        put(made, each.member, each.theirs(getattr(write, each.name)))
    return made


def held(fields: Iterable[Field], write: Write, row: Row) -> Row:
    """The fields as the row holds them. One that it holds as asked has the very value that was asked for: an amount of
    "20" is kept as 20.0, and that is no difference."""
    return {each.name: _held(each, getattr(write, each.name), at(row, each.member)) for each in fields}


def took(fields: Fields, write: Write, row: Row) -> bool:
    """Whether the row holds all that was asked for. This EHR makes a change whole or not at all."""
    return all(each.matches(getattr(write, each.name), at(row, each.member)) for each in asked(fields, write))


def at(row: Any, member: str) -> Any:
    for name in member.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def put(row: Row, member: str, value: Any) -> None:
    *outer, last = member.split(".")
    for name in outer:
        row = row.setdefault(name, {})
    row[last] = value


def _held(field: Field, wanted: Any, there: Any) -> Any:
    if wanted is not None and field.matches(wanted, there):
        return wanted
    return None if there in ("", None) else field.ours(there)
