"""How the EHR reads a request: bodies of at most 64 KB, typed JSON, typed query parameters, the bearer token."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from sandbox_ehr import refusals
from sandbox_ehr.refusals import Refusal, RequestRefused

MAX_BODY_BYTES = 65536
T = TypeVar("T")


async def limited_body(request: Request) -> bytes:
    """The whole body. Raises RequestRefused if it is too large, also when the client did not state its length."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RequestRefused(refusals.too_large(MAX_BODY_BYTES))
    return bytes(body)


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
