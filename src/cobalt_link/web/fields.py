"""The fields that a client sent, merged from query and body into one mapping.

The body may be JSON, a form or multipart, in the forms that the contract's clients send (§9). Values that no database
column can store are refused here, before any room sees them. `conversion` makes the route's struct from the fields.
"""

import re
from collections.abc import AsyncGenerator, Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from cobalt_link.web.credentials import QuotedText, is_quoted
from cobalt_link.web.json_shape import FLAT, MAX_DEPTH, check_shape
from cobalt_link.web.problems import InvalidRequest, PackedBody

MAX_FIELDS = 1000
MAX_FILES = 32
MAX_PARTS = 200  # of a multipart body: each costs as much as ten fields of a form
MAX_INT = 2**63 - 1  # bigint in PostgreSQL
UPLOADS = "cobalt.uploads"
BOM = b"\xef\xbb\xbf"  # Windows programs write it before UTF-8
QUERIES = ("GET", "HEAD")
BODILESS = (*QUERIES, "DELETE")
NOTHING = (b"null", b"[]")  # what HTTP libraries send for "no body"

Fields = dict[str, Any]


async def read_fields(request: Request, *, as_typed: bool = False) -> Fields:
    """Query and body as one mapping. If a field is in both, the query wins for GET and HEAD, else the body.

    `as_typed`: a person typed the values into a page, so quotes around them belong to them.
    """
    query, body = _query(request), await _body(request)
    fields = {**body, **query} if request.method in QUERIES else {**query, **body}
    reject_unstorable(fields)
    return {name: _as_typed(value) for name, value in fields.items()} if as_typed else fields


async def close_uploads(request: Request) -> None:
    """Closes the files that came with a request."""
    for file in request.scope.get(UPLOADS, ()):
        await file.close()


def _query(request: Request) -> Fields:
    raw = request.scope["query_string"]
    return _pairs(raw, "query") if raw else {}


async def _body(request: Request) -> Fields:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw = await _read_body(request)
    if raw and request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise PackedBody
    if kind == "multipart/form-data":
        return await _multipart(request, raw)
    raw = raw.removeprefix(BOM).strip()
    if not raw or (request.method in BODILESS and raw in NOTHING):
        return {}
    # curl -d '{…}' sends JSON with the content type of a form, so the content decides.
    if kind == "application/x-www-form-urlencoded" and not raw.startswith((b"{", b"[")):
        return _pairs(raw, "body")
    check_shape(raw, FLAT if request.method in QUERIES else MAX_DEPTH)
    return _json(raw)


async def _read_body(request: Request) -> bytes:
    """The whole body. `Request.body()` does the same through two generators, which take longer than the reading."""
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
            f"The JSON in the request body is nested too deeply. Use at most {MAX_DEPTH} levels."
        ) from None
    except (msgspec.MsgspecError, ValueError):
        raise InvalidRequest("The request body is not valid JSON. Send a JSON object in UTF-8, or a form.") from None
    if not isinstance(decoded, dict):
        raise InvalidRequest("The request body must be a JSON object such as {}.")
    return decoded


def _pairs(raw: bytes, source: str) -> Fields:
    """The fields of a query or a form. A name that is sent twice becomes a list."""
    try:
        # Many clients send letters beyond ASCII as they are, without percent-encoding.
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidRequest(
            f"The {source} cannot be read. Send URL-encoded UTF-8 with at most {MAX_FIELDS} fields."
        ) from None
    return _merge_pairs(pairs)


async def _multipart(request: Request, whole: bytes) -> Fields:
    # The parser writes large files to disk. With the whole body read first, one over the limit leaves no open file.
    async def once() -> AsyncGenerator[bytes, None]:
        yield whole

    try:
        form = await MultiPartParser(request.headers, once(), max_files=MAX_FILES, max_fields=MAX_PARTS).parse()
    except (MultiPartException, UnicodeError, KeyError):
        raise InvalidRequest("The multipart body cannot be read. Send multipart/form-data with a boundary.") from None
    request.scope[UPLOADS] = [item for _, item in form.multi_items() if isinstance(item, UploadFile)]
    return _merge_pairs(form.multi_items())


def _merge_pairs(pairs: Iterable[tuple[str, Any]]) -> Fields:
    fields: Fields = {}
    for name, value in pairs:
        value = QuotedText(value) if isinstance(value, str) and is_quoted(value.strip()) else value
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def _as_typed(value: Any) -> Any:
    return str(value) if isinstance(value, QuotedText) else value


def reject_unstorable(fields: Fields) -> None:
    """Refuses what PostgreSQL cannot store: NUL, lone surrogates, integers beyond 64 bits, deep nesting (S-147)."""
    # Level by level and not recursively: deep nesting must not end in a RecursionError.
    level: list[tuple[str, Any]] = list(fields.items())
    for _ in range(MAX_DEPTH):
        deeper: list[tuple[str, Any]] = []
        for name, value in level:
            _reject_unstorable_value(name, value)
            if isinstance(value, str):
                continue
            if isinstance(value, dict):
                deeper += value.items()
            elif isinstance(value, list):
                deeper += ((name, item) for item in value)
        if not deeper:
            return
        level = deeper
    raise InvalidRequest(f"The JSON in the request body is nested too deeply. Use at most {MAX_DEPTH} levels.")


def _reject_unstorable_value(name: str, value: Any) -> None:
    if not _is_clean(name):
        raise InvalidRequest("The name of a field contains a character that is not allowed. Use plain text.")
    if isinstance(value, str):
        if not _is_clean(value):
            raise InvalidRequest(f"The field {name} contains a NUL or an invalid character. Remove it.")
    elif isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
        raise InvalidRequest(f"The number in the field {name} is too large. Send at most {MAX_INT}.")


def _is_clean(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not re.search("[\ud800-\udfff]", text))
