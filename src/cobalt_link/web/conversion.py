"""The struct that a route takes, made from the fields that a client sent.

Every tolerance of the contract (§9) for one value is here: numbers and flags as text, lists as `a,b`, other names of a
field. What does not fit is a 400 that names the field in the contract's words.
"""

import functools
import json
import re
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect as shapes

from cobalt_link.web.credentials import CREDENTIALS
from cobalt_link.web.fields import Fields, reject_unstorable
from cobalt_link.web.problems import InvalidRequest, MissingField, UnknownField

Body = TypeVar("Body", bound=msgspec.Struct)


class Alias:
    """Other names under which a field is accepted: `emr_name: Annotated[str | None, Alias("emr")] = None`."""

    def __init__(self, *names: str) -> None:
        self.names = names


class _FieldSpec(msgspec.Struct, frozen=True):
    name: str
    names: tuple[str, ...]
    kind: shapes.Type
    required: bool
    nullable: bool
    as_sent: bool


def convert(fields: Fields, kind: type[Body]) -> Body:
    """The struct of a route. Raises `MissingField`, `UnknownField` or `InvalidRequest`.

    Unknown fields are ignored unless the struct forbids them. Credentials sent as fields are never unknown.
    """
    missing: list[str] = []
    unknown: list[str] = []
    shaped = _struct(fields, kind, "", missing, unknown)
    if missing:
        raise MissingField(*missing)
    if unknown := [name for name in unknown if name not in CREDENTIALS]:
        raise UnknownField(*unknown)
    try:
        return msgspec.convert(shaped, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_in_our_words(str(error))) from None


def aliases(kind: type[msgspec.Struct]) -> dict[str, tuple[str, ...]]:
    """The other names of each field of a struct, by its name in JSON."""
    return {field.name: field.names[1:] for field in _field_specs(kind) if len(field.names) > 1}


# The types whose values `_value` may change. All other values go to msgspec as they were sent.
_RESHAPED = (
    shapes.StructType,
    shapes.DictType,
    shapes.ListType,
    shapes.DateTimeType,
    shapes.FloatType,
    shapes.IntType,
)


@functools.cache
def _field_specs(kind: type[msgspec.Struct]) -> tuple[_FieldSpec, ...]:
    hints = get_type_hints(kind, include_extras=True)
    info = shapes.type_info(kind)
    assert isinstance(info, shapes.StructType)
    return tuple(
        _FieldSpec(
            name=field.encode_name,
            names=(field.encode_name, *_alias_names(hints[field.name])),
            kind=_non_null_type(field.type),
            required=field.required,
            nullable=_nullable(field.type),
            as_sent=not isinstance(_non_null_type(field.type), _RESHAPED),
        )
        for field in info.fields
    )


def _alias_names(hint: Any) -> tuple[str, ...]:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return tuple(name for mark in marks if isinstance(mark, Alias) for name in mark.names)


def _members(kind: shapes.Type) -> tuple[shapes.Type, ...]:
    kind = kind.type if isinstance(kind, shapes.Metadata) else kind
    return kind.types if isinstance(kind, shapes.UnionType) else (kind,)


def _nullable(kind: shapes.Type) -> bool:
    return any(isinstance(member, shapes.NoneType | shapes.AnyType) for member in _members(kind))


def _non_null_type(kind: shapes.Type) -> shapes.Type:
    """The one type of a value that is not null, or `AnyType` if there are several."""
    solid = [member for member in _members(kind) if not isinstance(member, shapes.NoneType)]
    return solid[0] if len(solid) == 1 else shapes.AnyType()


def _struct(
    fields: Fields, kind: type[msgspec.Struct], where: str, missing: list[str], unknown: list[str]
) -> dict[str, Any]:
    shaped: dict[str, Any] = {}
    plan = _field_specs(kind)
    for field in plan:
        for name in field.names:
            if name in fields:
                break
        else:
            if field.required:
                missing.append(f"{where}{field.name}")
            continue
        value = fields[name]
        if value is not None and value != "":
            shaped[field.name] = (
                value if field.as_sent else _value(value, field.kind, f"{where}{field.name}", missing, unknown)
            )
        elif field.nullable:
            shaped[field.name] = None
        elif field.required:
            missing.append(f"{where}{field.name}")
    if kind.__struct_config__.forbid_unknown_fields:
        known = {name for field in plan for name in field.names}
        unknown += (f"{where}{name}" for name in fields if name not in known)
    return shaped


def _value(value: Any, kind: shapes.Type, where: str, missing: list[str], unknown: list[str]) -> Any:
    """One value in the form that its type needs. Clients of the contract also send other forms (§9)."""
    if isinstance(kind, shapes.StructType | shapes.DictType | shapes.ListType) and isinstance(value, str):
        value = _from_text(value, where, isinstance(kind, shapes.ListType))
    if isinstance(kind, shapes.StructType) and isinstance(value, dict):
        return _struct(value, kind.cls, f"{where}.", missing, unknown)
    if isinstance(kind, shapes.ListType) and isinstance(value, list):
        return [
            _value(item, _non_null_type(kind.item_type), f"{where}[{number}]", missing, unknown)
            for number, item in enumerate(value)
        ]
    if isinstance(kind, shapes.DateTimeType) and not isinstance(value, str):
        raise InvalidRequest(f"Invalid {where}. Use an ISO 8601 date and time such as 2026-01-31T09:30:00-05:00.")
    if isinstance(kind, shapes.FloatType) and isinstance(value, str) and not re.fullmatch(r"[-+.\deE]{1,40}", value):
        raise InvalidRequest(f"Invalid {where}: expected a number.")
    if isinstance(kind, shapes.IntType) and isinstance(value, str) and re.fullmatch(r"[-+]?\d{19,}", value):
        # int() of a very long text takes quadratic time, and Python refuses it with an error of its own.
        raise InvalidRequest(f"Invalid {where}: the number is too large.")
    return value


def _from_text(value: str, where: str, is_list: bool) -> Any:
    """A list or object inside a query or a form: as JSON, or a list as `a,b`."""
    if value.lstrip().startswith(("{", "[")):
        try:
            found = {where: json.loads(value)}
        except (ValueError, RecursionError):
            raise InvalidRequest(f"The field {where} is not valid JSON.") from None
        # This text was checked as one string. What it holds was not.
        reject_unstorable(found)
        return found[where]
    return [item.strip() for item in value.split(",")] if is_list else value


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "date": "a date",
    "datetime": "a date and time",
    "file": "a file",
}


def _in_our_words(error: str) -> str:
    """A message of msgspec ("Expected `int`, got `str` - at `$.page`") in the words of our reference."""
    text, _, place = error.partition(" - at ")
    where = place.strip("`").removeprefix("$").removeprefix(".")
    if text == "Invalid RFC3339 encoded date":
        return f"Invalid date format in {where}. Use ISO format (YYYY-MM-DD)."
    if text == "Invalid RFC3339 encoded datetime":
        return f"Invalid {where}. Use an ISO 8601 date and time such as 2026-01-31T09:30:00-05:00."
    plain = re.sub(r"`([^`]+)`", lambda found: _type_in_words(found[1]), text)
    return f"Invalid {where or 'request'}: {plain[:1].lower()}{plain[1:]}."


def _type_in_words(names: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in names.split(" | "))
