"""From the table to an ASGI app: finds the row, lets the caller in, reads what was sent, answers.

The order for every route: own form, credentials, rate, body, handler. What fails first answers.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan

from cobalt_link.kit.clock import Clock, SystemClock
from cobalt_link.web.call import Call
from cobalt_link.web.client_address import Network, client_address, networks
from cobalt_link.web.csrf import ForeignForm, FormToken, Sender, sender
from cobalt_link.web.edge import REQUEST_ID, Edge
from cobalt_link.web.fields import CallerCredentials, Fields, convert, credentials, gather, release
from cobalt_link.web.metrics import Metrics
from cobalt_link.web.problems import NotFound, Problem, Unauthorized
from cobalt_link.web.rates import RateLimits, neighbourhood
from cobalt_link.web.responses import Known, json_answer, problem_of, refusal
from cobalt_link.web.router import Table
from cobalt_link.web.table import Auth, Idempotency, Route, Routes

Authenticate = Callable[[CallerCredentials, Auth, Call], Awaitable[None]]
PageProblem = Callable[[Call, Problem], Awaitable[Response]]
DENIED_PER_MINUTE = 60


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that stands between a request and its handler, given by `mount`."""

    authenticate: Authenticate
    limits: RateLimits
    clock: Clock
    known: Known
    origin: str
    trusted: tuple[Network, ...]
    form_token: FormToken | None
    page_problem: PageProblem | None

    async def serve(self, row: Route, room: object, request: Request) -> Response:
        """The answer of one route, its problems included."""
        call = Call(
            request=request,
            request_id=request.scope[REQUEST_ID],
            route=row,
            clock=self.clock,
            address=client_address(request.scope, self.trusted),
        )
        try:
            return await self._answer(row, room, call)
        except ClientDisconnect:
            raise
        except Exception as error:
            return await self._refuse(call, problem_of(error, self.known, row.path))

    async def _answer(self, row: Route, room: object, call: Call) -> Response:
        sent = _Sent(call.request)
        try:
            return await self._serve_sent(row, room, call, sent)
        finally:
            await sent.release()

    async def _serve_sent(self, row: Route, room: object, call: Call, sent: "_Sent") -> Response:
        if row.csrf:
            await self._own_form(call, sent)
        await self._admit(row, call, sent)
        if row.idempotency is Idempotency.KEY:
            _ = call.idempotency_key  # refused here if it cannot be kept, whether the handler looks or not
        given = _arguments(row, call.request)
        if row.body:
            given["body"] = convert(await sent.fields(), row.body)
        answer = await row.handler(room, call, **given)
        return answer if isinstance(answer, Response) else json_answer(answer, row.status, call.answer_headers)

    async def _refuse(self, call: Call, problem: Problem) -> Response:
        if call.route.page and self.page_problem:
            return await self.page_problem(call, problem)
        return refusal(problem, call.request_id)

    async def _own_form(self, call: Call, sent: "_Sent") -> None:
        who = sender(call.request.headers, self.origin)
        if who is Sender.UNKNOWN and self.form_token and await self.form_token(call, await sent.fields()):
            return
        if who is not Sender.OWN:
            raise ForeignForm

    async def _admit(self, row: Route, call: Call, sent: "_Sent") -> None:
        """Authenticate, then count the request: by client where one is known, else by address."""
        caller = neighbourhood(call.address)
        if row.auth in (Auth.CLIENT, Auth.ACCOUNT):
            found = await sent.credentials(row.auth)
            await self._authenticate(found, call, caller)
            caller = found.client_id or caller
        self.limits.take(caller, row.rate.name, row.rate.per_minute)

    async def _authenticate(self, found: CallerCredentials, call: Call, caller: str) -> None:
        try:
            _refuse_absent(found, call.route.auth)
            await self.authenticate(found, call.route.auth, call)
        except Unauthorized:
            # Counted only when it fails: behind one proxy nobody can lock out the others.
            self.limits.take(caller, "denied", DENIED_PER_MINUTE)
            raise


class _Sent:
    """What came with a request, read once and only if asked for."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._fields: Fields | None = None

    async def fields(self) -> Fields:
        if self._fields is None:
            self._fields = await gather(self.request)
        return self._fields

    async def release(self) -> None:
        await release(self.request)

    async def credentials(self, auth: Auth) -> CallerCredentials:
        found = credentials(self.request.headers)
        return found if not _absent(found, auth) else credentials(self.request.headers, await self.fields())


def mount(
    rooms: Iterable[tuple[Routes, object]],
    *,
    authenticate: Authenticate,
    limits: RateLimits | None = None,
    extra: Sequence[BaseRoute] = (),
    lifespan: Lifespan[Any] | None = None,
    public_url: str = "http://127.0.0.1",
    problems: Known | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    trusted_proxies: Iterable[str] = (),
    body_limit: int = 1024 * 1024,
    form_token: FormToken | None = None,
    page_problem: PageProblem | None = None,
) -> ASGIApp:
    """The ASGI app of all rooms; each route is called with the object given beside its `Routes`.

    `authenticate` sets `call.caller` (and `call.account`) or raises; `problems` maps exceptions of lower rooms to what
    the caller is told; `form_token` judges a form of a client that sends neither `Sec-Fetch-Site` nor `Origin` (without
    it such forms are refused); `page_problem` shows problems of pages as HTML; `limits=None` means no limits;
    `body_limit` in bytes holds where a route has none of its own.
    """
    known: Known = problems or {}
    front = Front(
        authenticate=authenticate,
        limits=RateLimits(off=True) if limits is None else limits,
        clock=clock or SystemClock(),
        known=known,
        origin=_origin(public_url),
        trusted=networks(trusted_proxies),
        form_token=form_token,
        page_problem=page_problem,
    )
    secure = public_url.startswith("https:")
    others = Starlette(routes=extra, exception_handlers={HTTPException: _from_elsewhere}, lifespan=lifespan)
    others.router.redirect_slashes = False
    # Starlette's own layers cost as much as a grouped write: the table's rows do not pass through them.
    table = Table([(row, room) for routes, room in rooms for row in routes], front.serve, others)
    return Edge(table, metrics=metrics or Metrics(), known=known, secure=secure, body_limit=body_limit)


async def _from_elsewhere(request: Request, error: Exception) -> Response:
    """404 and 405 of the `extra` routes and of unknown paths, in our words."""
    return refusal(problem_of(error, {}, "other"), request.scope[REQUEST_ID])


def _origin(url: str) -> str:
    """As browsers write it: lower case, without the scheme's own port."""
    parts = urlsplit(url.lower())
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(port)}"


def _absent(found: CallerCredentials, auth: Auth) -> list[str]:
    if found.client_id and found.client_secret and (found.access_token or auth is not Auth.ACCOUNT):
        return []
    wanted: Mapping[str, str | None] = {"client_id": found.client_id, "client_secret": found.client_secret}
    if auth is Auth.ACCOUNT:
        wanted = {**wanted, "access_token": found.access_token}
    return [name for name, value in wanted.items() if not value]


def _refuse_absent(found: CallerCredentials, auth: Auth) -> None:
    if absent := _absent(found, auth):
        raise Unauthorized(f"Missing {' and '.join(absent)}. Send them as headers of the request.")


def _arguments(row: Route, request: Request) -> dict[str, Any]:
    """The path parameters that the handler takes. What no id can be is not found."""
    given: dict[str, Any] = {}
    for name, kind in row.arguments.items():
        text = str(request.path_params[name])
        if not text.isprintable() or (kind is int and not (text.isascii() and text.isdigit() and len(text) < 19)):
            raise NotFound
        given[name] = kind(text)
    return given
