"""The structs of the API as tables: each field with its type, its limits, and its meaning."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import fields

from cobalt_link.web.conversion import aliases

Struct = type[msgspec.Struct]

PLAIN = {
    "str": "text",
    "int": "integer",
    "bool": "boolean",
    "Decimal": "number, or text such as `35.00`",
    "date": "date, `YYYY-MM-DD`",
    "datetime": "date and time, ISO 8601",
    "Any": "anything",
    "float": "number",
    "UploadFile": "a file",
}


def table(kind: Struct, *, asked: bool) -> str:
    """The fields of a struct. A request also says which are required; an answer always has all of them."""
    known, hints = aliases(kind) if asked else {}, get_type_hints(kind, include_extras=True)
    head = "| field | type | required | meaning |\n|---|---|---|---|\n" if asked else "| field | type |\n|---|---|\n"
    rows = []
    for field in fields(kind):
        name, told = f"`{field.encode_name}`", in_words(hints[field.name])
        if asked:
            also = ", ".join(f"`{each}`" for each in known.get(field.encode_name, ()))
            meaning = " ".join(filter(None, (description(hints[field.name]), f"Also as {also}." if also else "")))
            rows.append(f"| {name} | {told} | {_needed(field)} | {meaning} |")
        else:
            rows.append(f"| {name} | {told} |")
    return head + "\n".join(rows) + "\n"


def in_words(hint: Any) -> str:
    """A type in plain words."""
    plain, metas = _bare(hint)
    nullable, plain = _without_none(plain)
    if nullable and get_origin(plain) is Annotated:
        plain, more = _bare(plain)
        metas += more
    return _named(plain) + _limits(plain, metas) + (", or null" if nullable else "")


def description(hint: Any) -> str:
    plain, metas = _bare(hint)
    for part in get_args(plain) if get_origin(plain) in (Union, types.UnionType) else ():
        metas = _bare(part)[1] + metas  # of a type that may also be null
    return next((meta.description for meta in reversed(metas) if meta.description), "")


def inner(kind: Struct) -> Iterator[Struct]:
    """The structs inside a struct, at any depth, each once for each place."""
    for hint in get_type_hints(kind).values():
        for found in _structs(hint):
            yield found
            yield from inner(found)


def _structs(hint: Any) -> Iterator[Struct]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from _structs(part)


def _bare(hint: Any) -> tuple[Any, list[Meta]]:
    metas: list[Meta] = []
    while get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        metas += [note for note in notes if isinstance(note, Meta)]
    return hint, metas


def _without_none(plain: Any) -> tuple[bool, Any]:
    if get_origin(plain) not in (Union, types.UnionType):
        return False, plain
    left = [each for each in get_args(plain) if each not in (types.NoneType, UnsetType)]
    return len(left) < len(get_args(plain)) and types.NoneType in get_args(plain), left[0]


def _named(plain: Any) -> str:
    origin, parts = get_origin(plain), get_args(plain)
    if origin is Literal:
        return "one of " + ", ".join(f"`{each}`" for each in parts)
    if origin in (list, tuple):
        return f"list of {in_words(parts[0])}"
    if origin is dict:
        return "object"
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return f"[{plain.__name__}](#{plain.__name__.lower()})"
    return PLAIN[getattr(plain, "__name__", str(plain))]


def _limits(plain: Any, metas: list[Meta]) -> str:
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    longest = next((meta.max_length for meta in metas if meta.max_length is not None), None)
    if plain is str and longest is not None:
        return f", at most {longest} characters"
    return f" from {low} to {high}" if low is not None and high is not None else ""


def _needed(field: Any) -> str:
    if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT:
        return "yes"
    if field.default in (None, UNSET, msgspec.NODEFAULT):
        return "no"
    return f"no, `{msgspec.json.encode(field.default).decode()}`"
