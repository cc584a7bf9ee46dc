"""How requests are read and answers written: JSON bodies up to 64 KB, typed queries, refusals, sessions."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox_ehr import refusals
from sandbox_ehr.ehr import Ehr
from sandbox_ehr.login import accounts
from sandbox_ehr.login.accounts import Session
from sandbox_ehr.refusals import Refusal, Refused

MAX_BODY = 65536
T = TypeVar("T")


def ehr_of(request: Request) -> Ehr:
    return request.app.state.ehr


def seen(request: Request, outcome: str, username: str | None = None) -> None:
    """Tell the lab's log how this request ended and whose it was."""
    request.scope["seen"]["outcome"] = outcome
    if username is not None:
        request.scope["seen"]["username"] = username


def answer(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def refuse(refusal: Refusal) -> Response:
    if refusal.page is not None:
        return HTMLResponse(refusal.page, refusal.status)
    response = answer({"error": refusal.error, "message": refusal.message, **refusal.facts}, refusal.status)
    if refusal.status == 429:
        response.headers["Retry-After"] = str(refusal.facts["retry_in"])
    return response


async def body_of(request: Request, shape: type[T]) -> T:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(Refusal("bad_request", 415, "Send JSON, with Content-Type: application/json."))
    text = bytearray()
    async for chunk in request.stream():
        text += chunk
        if len(text) > MAX_BODY:
            raise Refused(Refusal("too_large", 413, f"A body has at most {MAX_BODY} bytes."))
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(refusals.bad_request(f"The body does not fit: {error}")) from None


def query_of(request: Request, shape: type[T]) -> T:
    """Unknown, repeated or ill-formed parameters are refused, never skipped."""
    pairs = request.query_params.multi_items()
    values: dict[str, Any] = dict(pairs)
    if len(values) < len(pairs):
        raise Refused(refusals.bad_request("A parameter stands there twice."))
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(refusals.bad_request(f"The query does not fit: {error}")) from None


def secret_of(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def session_of(request: Request, right: str = "") -> Session:
    """The open session that the request carries, with that right; else it is refused."""
    ehr = ehr_of(request)
    session = await ehr.database.run(accounts.use_session, secret_of(request), ehr.clock.now())
    if session is None:
        raise Refused(refusals.session_expired())
    seen(request, "ok", session.username)
    if right and right not in session.rights:
        raise Refused(refusals.no_rights(right))
    return session
