"""How the EHR reads a request: bodies of a limited size, typed JSON, forms with a file, typed queries, the token."""

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from sandbox_ehr import refusals
from sandbox_ehr.refusals import Refusal, RequestRefused

MAX_BODY_BYTES = 65536
# Files travel in the bodies of these paths.
MAX_FILE_BODY_BYTES = 28 * 1024 * 1024
PATHS_WITH_FILES = ("/api/documents", "/api/referrals")
T = TypeVar("T")


def max_body_bytes(path: str) -> int:
    has_file = path.startswith(PATHS_WITH_FILES) or path.rpartition("/DocumentReference")[1]
    return MAX_FILE_BODY_BYTES if has_file else MAX_BODY_BYTES


async def limited_body(request: Request) -> bytes:
    """The whole body. Raises RequestRefused if it is too large, also when the client did not state its length."""
    return b"".join([chunk async for chunk in _limited_chunks(request)])


async def multipart_form(request: Request) -> FormData:
    """The fields and files of a multipart body. The caller closes it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise RequestRefused(Refusal("bad_request", 415, "Send a form with a file, as multipart/form-data."))
    parser = MultiPartParser(
        request.headers, _limited_chunks(request), max_files=1, max_fields=20, max_part_size=MAX_BODY_BYTES
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise RequestRefused(refusals.bad_request(f"The form is not valid: {error}")) from None


async def _limited_chunks(request: Request) -> AsyncGenerator[bytes, None]:
    limit, length = max_body_bytes(request.url.path), 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > limit:
            raise RequestRefused(refusals.too_large(limit))
        yield chunk


async def json_body(request: Request, shape: type[T]) -> T:
    # A form of another site can post text/plain without asking first, but not application/json.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestRefused(Refusal("bad_request", 415, "Send JSON, with Content-Type: application/json."))
    body = await limited_body(request)
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestRefused(refusals.bad_request(f"The body is not valid: {error}")) from None


def query_parameters(request: Request, shape: type[T]) -> T:
    """The query as a struct. Unknown, repeated and invalid parameters are refused, never ignored."""
    pairs = request.query_params.multi_items()
    values: dict[str, Any] = dict(pairs)
    if len(values) < len(pairs):
        raise RequestRefused(refusals.bad_request("A parameter is given more than once."))
    try:
        # Not strict: everything in a query is text, so "50" has to count as a number.
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise RequestRefused(refusals.bad_request(f"The query is not valid: {error}")) from None


def bearer_token(request: Request) -> str:
    """The token of the Authorization header, or an empty text, which is no token of anybody."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
