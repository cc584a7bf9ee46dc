"""Every tolerance of the contract's §9 towards what clients send, in one place.

Headers in any spelling, query and body merged, JSON, form or multipart, flags as text, other names of a field.
What comes out is a struct of the route, or a 400 that names the field in the contract's words.
"""

import base64
import binascii
import functools
import json
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect as shapes
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from cobalt_link.web.problems import InvalidRequest, MissingField, UnknownField

CREDENTIALS = ("client_id", "client_secret", "access_token")
_SPELLINGS = [(name, name.encode(), name.replace("_", "-").encode()) for name in CREDENTIALS]
MAX_DEPTH = 32
MAX_FIELDS = 1000
MAX_FILES = 32
UPLOADS = "cobalt.uploads"
MAX_INT = 2**63 - 1

Fields = dict[str, Any]
Body = TypeVar("Body", bound=msgspec.Struct)


class Alias:
    """Other names under which a field is accepted: `emr_name: Annotated[str | None, Alias("emr")] = None`."""

    def __init__(self, *names: str) -> None:
        self.names = names


class CallerCredentials(msgspec.Struct, frozen=True):
    """Who calls, as sent; each is None when absent."""

    client_id: str | None = None
    client_secret: str | None = None
    access_token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({', '.join(name for name in CREDENTIALS if getattr(self, name))})"


# ── what was sent ────────────────────────────────────────────────────────────────────────────────────────────────────


async def gather(request: Request) -> Fields:
    """Query and body as one mapping. A field in both: the query wins for GET and HEAD, else the body does."""
    query, body = _query(request), await _body(request)
    fields = {**body, **query} if request.method in ("GET", "HEAD") else {**query, **body}
    _refuse_hostile(fields)
    return fields


async def release(request: Request) -> None:
    """Close the files that came with a request."""
    for file in request.scope.get(UPLOADS, ()):
        await file.close()


def credentials(headers: Headers, fields: Mapping[str, Any] | None = None) -> CallerCredentials:
    """The three credentials: own headers (underscores or hyphens), else `Authorization`, else fields of the request."""
    # Read from the end, so that of a header that came twice the first counts.
    sent = dict(reversed(headers.raw))
    found = {name: value for name in CREDENTIALS if isinstance(value := fields.get(name), str)} if fields else {}
    if b"authorization" in sent:
        found.update(_authorization(headers.getlist("authorization")))
    for name, underscored, hyphened in _SPELLINGS:
        raw = sent.get(underscored) or sent.get(hyphened)
        if raw and (value := unquoted(raw.decode("latin-1"))):
            found[name] = value
    return CallerCredentials(*[found.get(name) or None for name in CREDENTIALS])


def unquoted(value: str) -> str:
    """A header's value without blanks around it and without one pair of double quotes (contract §2)."""
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _authorization(values: Iterable[str]) -> dict[str, str]:
    """`Basic client_id:client_secret` (RFC 7617) and `Bearer access_token` (RFC 6750); anything else is passed over."""
    found: dict[str, str] = {}
    for value in values:
        scheme, _, rest = unquoted(value).partition(" ")
        if scheme.lower() == "bearer" and rest.strip():
            found["access_token"] = unquoted(rest)
        elif scheme.lower() == "basic":
            found.update(_basic(rest.strip()))
    return found


def _basic(encoded: str) -> dict[str, str]:
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return {}
    return {"client_id": name, "client_secret": secret} if colon and name and secret else {}


def _query(request: Request) -> Fields:
    raw = request.scope["query_string"]
    return _pairs(raw, "query") if raw else {}


async def _body(request: Request) -> Fields:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request)
    raw = (await _whole(request)).strip()
    if not raw:
        return {}
    # curl -d '{…}' calls its JSON a form, so the content decides.
    if kind == "application/x-www-form-urlencoded" and not raw.startswith((b"{", b"[")):
        return _pairs(raw, "body")
    return _json(raw)


async def _whole(request: Request) -> bytes:
    """The body, read once: as `Request.body()`, whose two generators cost more than what they give."""
    chunks: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _json(raw: bytes) -> Fields:
    try:
        decoded = msgspec.json.decode(raw)
    except RecursionError:
        raise InvalidRequest(
            f"The JSON in the request body is nested too deeply. {MAX_DEPTH} levels are allowed."
        ) from None
    except (msgspec.MsgspecError, ValueError):
        raise InvalidRequest("The request body is not valid JSON. Send a JSON object in UTF-8, or a form.") from None
    if not isinstance(decoded, dict):
        raise InvalidRequest("The request body must be a JSON object such as {}.")
    return decoded


def _pairs(raw: bytes, place: str) -> Fields:
    """URL-encoded pairs; a name that is given twice becomes a list."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidRequest(f"The {place} is not valid URL-encoded UTF-8 of at most {MAX_FIELDS} fields.") from None
    return _collect(pairs)


async def _multipart(request: Request) -> Fields:
    # Read whole before it is parsed, so a body over the limit leaves no half-written file open.
    whole = await _whole(request)

    async def once() -> AsyncGenerator[bytes, None]:
        yield whole

    try:
        form = await MultiPartParser(request.headers, once(), max_files=MAX_FILES, max_fields=MAX_FIELDS).parse()
    except (MultiPartException, UnicodeError, KeyError):
        raise InvalidRequest("The multipart body cannot be read. Send multipart/form-data with a boundary.") from None
    request.scope[UPLOADS] = [item for _, item in form.multi_items() if isinstance(item, UploadFile)]
    return _collect(form.multi_items())


def _collect(pairs: Iterable[tuple[str, Any]]) -> Fields:
    fields: Fields = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def _refuse_hostile(fields: Fields) -> None:
    """Refuse what no store can keep: NUL, lone surrogates, integers beyond 64 bits, nesting without end (S-147)."""
    level: list[tuple[str, Any]] = list(fields.items())
    for _ in range(MAX_DEPTH):
        deeper: list[tuple[str, Any]] = []
        for name, value in level:
            _refuse_hostile_value(name, value)
            if isinstance(value, str):
                continue
            if isinstance(value, dict):
                deeper += value.items()
            elif isinstance(value, list):
                deeper += ((name, item) for item in value)
        if not deeper:
            return
        level = deeper
    raise InvalidRequest(f"The JSON in the request body is nested too deeply. {MAX_DEPTH} levels are allowed.")


def _refuse_hostile_value(name: str, value: Any) -> None:
    if not _is_clean(name):
        raise InvalidRequest("The name of a field holds a character that is not allowed. Use plain text.")
    if isinstance(value, str):
        if not _is_clean(value):
            raise InvalidRequest(f"The field {name} holds a NUL or an invalid character. Remove it.")
    elif isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
        raise InvalidRequest(f"The number in the field {name} is too large.")


def _is_clean(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not re.search("[\ud800-\udfff]", text))


# ── what the route wants ─────────────────────────────────────────────────────────────────────────────────────────────


class _Field(msgspec.Struct, frozen=True):
    name: str
    names: tuple[str, ...]
    kind: shapes.Type
    required: bool
    nullable: bool
    as_sent: bool


def convert(fields: Fields, kind: type[Body]) -> Body:
    """The struct of a route from what was sent, or `MissingField`, `UnknownField` or `InvalidRequest`.

    Unknown fields are passed over unless the struct forbids them; credentials sent as fields are never unknown.
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
        raise InvalidRequest(_in_words(str(error))) from None


def aliases(kind: type[msgspec.Struct]) -> dict[str, tuple[str, ...]]:
    """The other names of each field of a struct, by the name in JSON."""
    return {field.name: field.names[1:] for field in _plan(kind) if len(field.names) > 1}


# What `_value` looks into; anything else is taken as it was sent.
_RESHAPED = (
    shapes.StructType,
    shapes.DictType,
    shapes.ListType,
    shapes.DateTimeType,
    shapes.FloatType,
    shapes.IntType,
)


@functools.cache
def _plan(kind: type[msgspec.Struct]) -> tuple[_Field, ...]:
    hints = get_type_hints(kind, include_extras=True)
    info = shapes.type_info(kind)
    assert isinstance(info, shapes.StructType)
    return tuple(
        _Field(
            name=field.encode_name,
            names=(field.encode_name, *_alias_names(hints[field.name])),
            kind=_solid(field.type),
            required=field.required,
            nullable=_nullable(field.type),
            as_sent=not isinstance(_solid(field.type), _RESHAPED),
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


def _solid(kind: shapes.Type) -> shapes.Type:
    """The one type that a value has when it is not null; `AnyType` when there are several."""
    solid = [member for member in _members(kind) if not isinstance(member, shapes.NoneType)]
    return solid[0] if len(solid) == 1 else shapes.AnyType()


def _struct(
    fields: Fields, kind: type[msgspec.Struct], where: str, missing: list[str], unknown: list[str]
) -> dict[str, Any]:
    shaped: dict[str, Any] = {}
    plan = _plan(kind)
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
    """One value as its type wants it, where the contract's clients send another form."""
    if isinstance(kind, shapes.StructType | shapes.DictType | shapes.ListType) and isinstance(value, str):
        value = _from_text(value, where, isinstance(kind, shapes.ListType))
    if isinstance(kind, shapes.StructType) and isinstance(value, dict):
        return _struct(value, kind.cls, f"{where}.", missing, unknown)
    if isinstance(kind, shapes.ListType) and isinstance(value, list):
        return [
            _value(item, _solid(kind.item_type), f"{where}[{number}]", missing, unknown)
            for number, item in enumerate(value)
        ]
    if isinstance(kind, shapes.DateTimeType) and not isinstance(value, str):
        raise InvalidRequest(f"Invalid {where}. Use an ISO 8601 date and time such as 2026-01-31T09:30:00-05:00.")
    if isinstance(kind, shapes.FloatType) and isinstance(value, str) and not re.fullmatch(r"[-+.\deE]{1,40}", value):
        raise InvalidRequest(f"Invalid {where}: expected a number.")
    if isinstance(kind, shapes.IntType) and isinstance(value, str) and re.fullmatch(r"[-+]?\d{19,}", value):
        raise InvalidRequest(f"Invalid {where}: the number is too large.")
    return value


def _from_text(value: str, where: str, is_list: bool) -> Any:
    """A list or object inside a query or form: as JSON, or a list as `a,b`."""
    if value.lstrip().startswith(("{", "[")):
        try:
            found = {where: json.loads(value)}
        except (ValueError, RecursionError):
            raise InvalidRequest(f"The field {where} is not valid JSON.") from None
        _refuse_hostile(found)
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


def _in_words(error: str) -> str:
    """What msgspec says ("Expected `int`, got `str` - at `$.page`") in the words of the reference."""
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
