"""The struct that a route takes, made from the fields that a client sent.

Every tolerance of the contract (§9) for one value is here: numbers and flags as text, whole numbers as ids, enums in
any case, quoted values, lists as `a,b`, other names of a field. What does not fit is a 400 that names the field in the
contract's words.
"""

import difflib
import functools
import json
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect as shapes

from cobalt_link.web.credentials import CREDENTIALS, QuotedText, unquoted
from cobalt_link.web.fields import Fields, reject_unstorable
from cobalt_link.web.json_shape import check_shape
from cobalt_link.web.problems import InvalidRequest, MissingField, UnknownField

LONGEST_CLEANED = 500  # characters; normalizing a text of combining characters takes quadratic time
AMOUNT = r"-?\d{1,15}(\.\d{1,15})?"
Body = TypeVar("Body", bound=msgspec.Struct)


class Alias:
    """Other names under which a field is accepted: `emr_name: Annotated[str | None, Alias("emr")] = None`."""

    def __init__(self, *names: str) -> None:
        self.names = names


class Verbatim:
    """Marks a text that is the client's own, such as its ids. Quotes around it belong to it, wherever they stand."""


class Cleaned:
    """Marks a text that people type or copy, such as a name to search for, with what brings it into one spelling."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        self.clean = clean


class _FieldSpec(msgspec.Struct, frozen=True):
    name: str
    names: tuple[str, ...]
    kind: shapes.Type
    required: bool
    nullable: bool
    verbatim: bool
    clean: Callable[[str], str] | None


def convert(fields: Fields, kind: type[Body], *, query: bool = False) -> Body:
    """The struct of a route. Raises `MissingField`, `UnknownField` or `InvalidRequest`.

    Unknown fields are ignored unless the struct forbids them. Credentials sent as fields are never unknown. In a
    `query`, neither are the fields that browsers and trackers add (contract §9 row 44).
    """
    missing: list[str] = []
    unknown: list[str] = []
    shaped = _struct(fields, kind, "", missing, unknown)
    if missing:
        raise MissingField(*missing)
    if unknown := [name for name in unknown if not _is_anywhere(name, query)]:
        raise UnknownField(*unknown, message=_nearest(unknown, kind) if query else None)
    try:
        return msgspec.convert(shaped, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_in_our_words(str(error))) from None


def aliases(kind: type[msgspec.Struct]) -> dict[str, tuple[str, ...]]:
    """The other names of each field of a struct, by its name in JSON."""
    return {field.name: field.names[1:] for field in _field_specs(kind) if len(field.names) > 1}


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
            verbatim=any(isinstance(mark, Verbatim) for mark in _marks(hints[field.name])),
            clean=next((mark.clean for mark in _marks(hints[field.name]) if isinstance(mark, Cleaned)), None),
        )
        for field in info.fields
    )


def _marks(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _alias_names(hint: Any) -> tuple[str, ...]:
    return tuple(name for mark in _marks(hint) if isinstance(mark, Alias) for name in mark.names)


def _members(kind: shapes.Type) -> tuple[shapes.Type, ...]:
    kind = kind.type if isinstance(kind, shapes.Metadata) else kind
    kinds = kind.types if isinstance(kind, shapes.UnionType) else (kind,)
    return tuple(each.type if isinstance(each, shapes.Metadata) else each for each in kinds)


def _nullable(kind: shapes.Type) -> bool:
    return any(isinstance(member, shapes.NoneType | shapes.AnyType) for member in _members(kind))


def _non_null_type(kind: shapes.Type) -> shapes.Type:
    """The one type of a value that is not null, or the union of them if there are several."""
    solid = [member for member in _members(kind) if not isinstance(member, shapes.NoneType)]
    return solid[0] if len(solid) == 1 else shapes.UnionType(tuple(solid))


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
        value = _sent(fields[name], field, where)
        if value is not None and value != "":
            # Most values are texts for a text, which stay as they are.
            plain = type(value) is str and isinstance(field.kind, shapes.StrType)
            shaped[field.name] = value if plain else _value(value, field.kind, where + field.name, missing, unknown)
        elif field.nullable:
            shaped[field.name] = None
        elif field.required:
            missing.append(f"{where}{field.name}")
    if kind.__struct_config__.forbid_unknown_fields:
        known = {name for field in plan for name in field.names}
        unknown += (f"{where}{name}" for name in fields if name not in known)
    return shaped


def _sent(value: Any, field: _FieldSpec, where: str) -> Any:
    if isinstance(value, QuotedText):
        value = str(value) if field.verbatim else unquoted(value)
    if not field.clean or not isinstance(value, str):
        return value
    if len(value) > LONGEST_CLEANED:
        raise InvalidRequest(f"Invalid {where}{field.name}: send at most {LONGEST_CLEANED} characters.")
    return field.clean(unquoted(value))


def _is_anywhere(name: str, query: bool) -> bool:
    """Whether a field may come with any request, whatever it asks for."""
    return name.replace("-", "_") in CREDENTIALS or (query and (name == "_" or name.startswith("utm_")))


def _nearest(unknown: list[str], kind: type[msgspec.Struct]) -> str:
    """What a list says about parameters that it does not know: an answer without that filter would be the wrong one."""
    known = {_folded(name): field.name for field in _field_specs(kind) for name in field.names}
    shown = [name[:40] for name in unknown[:10]]  # comparing takes time, and a caller may send thousands
    found = [difflib.get_close_matches(_folded(name), known, 1) for name in shown]
    near = ", ".join(dict.fromkeys(known[each] for names in found for each in names))
    takes = ", ".join(dict.fromkeys(known.values())) or "none"
    advice = f"Did you mean {near}?" if near else f"This call takes {takes}."
    return f"Unknown query parameter{'s'[: len(unknown) > 1]}: {', '.join(shown)}. {advice}"


def _folded(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _value(value: Any, kind: shapes.Type, where: str, missing: list[str], unknown: list[str]) -> Any:
    """One value in the form that its type needs. Clients of the contract also send other forms (§9)."""
    if isinstance(value, QuotedText):
        value = unquoted(value)
    if isinstance(kind, shapes.UnionType):
        kind = _member_for(value, kind)
    if isinstance(kind, shapes.StrType):
        # A number where an id is a text (contract §9 row 41). In Python, True is a number too.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(kind, shapes.LiteralType):
        return _one_of(value, kind.values, where)
    if isinstance(kind, _WRITTEN) and isinstance(value, str):
        value = unquoted(value)
    if isinstance(kind, shapes.StructType | shapes.DictType | _Lists) and isinstance(value, str):
        value = _from_text(value, where, isinstance(kind, _Lists))
    if isinstance(kind, shapes.StructType) and isinstance(value, dict):
        return _struct(value, kind.cls, f"{where}.", missing, unknown)
    if isinstance(kind, _Lists) and isinstance(value, list):
        return [
            _value(item, _non_null_type(kind.item_type), f"{where}[{number}]", missing, unknown)
            for number, item in enumerate(value)
        ]
    if isinstance(kind, shapes.DateTimeType) and not isinstance(value, str):
        raise InvalidRequest(f"Invalid {where}. Use an ISO 8601 date and time such as 2026-01-31T09:30:00-05:00.")
    if isinstance(kind, shapes.FloatType) and isinstance(value, str) and not re.fullmatch(r"[-+.\deE]{1,40}", value):
        raise InvalidRequest(f"Invalid {where}: expected a number.")
    if isinstance(kind, shapes.DecimalType) and isinstance(value, str) and not re.fullmatch(AMOUNT, value):
        raise InvalidRequest(f"Invalid {where}: expected a number such as 35.00.")
    if isinstance(kind, shapes.IntType) and isinstance(value, str) and re.fullmatch(r"[-+]?\d{19,}", value):
        # int() of a very long text takes quadratic time, and Python refuses it with an error of its own.
        raise InvalidRequest(f"Invalid {where}: the number is too large.")
    return value


_Lists = shapes.ListType | shapes.VarTupleType  # list[…] and tuple[…, ...]
# What is written as a text in a query or a form. Quotes around it mean nothing.
_WRITTEN = (
    shapes.BoolType,
    shapes.IntType,
    shapes.FloatType,
    shapes.DecimalType,
    shapes.DateType,
    shapes.DateTimeType,
)


def _member_for(value: Any, kind: shapes.UnionType) -> shapes.Type:
    """The type of a union that takes the value: a struct an object, and a text everything that is written as one."""
    wanted = shapes.StructType if isinstance(value, dict) else shapes.StrType
    return next((member for member in kind.types if isinstance(member, wanted)), shapes.AnyType())


def _one_of(value: Any, allowed: tuple[Any, ...], where: str) -> Any:
    """The value of an enum, sent in any case."""
    wanted = unquoted(value).casefold() if isinstance(value, str) else value
    for each in allowed:
        if wanted == (str(each).casefold() if isinstance(value, str) else each):
            return each
    raise InvalidRequest(f"Invalid {where}. Use one of: {', '.join(str(each) for each in allowed if each != '')}.")


def _from_text(value: str, where: str, is_list: bool) -> Any:
    """A list or object inside a query or a form: as JSON, or a list as `a,b`."""
    if value.lstrip().startswith(("{", "[")):
        check_shape(value.encode("utf-8", "surrogatepass"))
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
    "decimal": "a number",
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
