"""The ASGI app that `mount` makes from the route table.

Every route has the same order: own form (CSRF), credentials, rate limit, looks (`looking.py`), body, handler. The first
check that fails decides the response.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
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
from cobalt_link.kit.logs import mask
from cobalt_link.web.call import Call
from cobalt_link.web.client_address import Network, client_address, networks
from cobalt_link.web.conversion import convert
from cobalt_link.web.credentials import CallerCredentials, read_credentials
from cobalt_link.web.csrf import ForeignForm, FormToken, Sender, sender
from cobalt_link.web.edge import CLIENT, CODE, REQUEST_ID, SESSION, EdgeMiddleware
from cobalt_link.web.fields import Fields, close_uploads, read_fields
from cobalt_link.web.looking import refused_look
from cobalt_link.web.metrics import Metrics
from cobalt_link.web.problems import NotFound, Problem, Unauthorized
from cobalt_link.web.rates import RateLimits, address_key
from cobalt_link.web.responses import ProblemMap, json_response, problem_response, to_problem
from cobalt_link.web.router import Router
from cobalt_link.web.table import Auth, Idempotency, Route, Routes, Tenant

Authenticate = Callable[[CallerCredentials, Auth, Call], Awaitable[None]]
PageProblem = Callable[[Call, Problem], Awaitable[Response]]
AdmitPage = Callable[[Call], Awaitable[None]]
DENIED_PER_MINUTE = 60


class RequestPipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What every request passes before its handler is called."""

    authenticate: Authenticate
    limits: RateLimits
    clock: Clock
    problem_map: ProblemMap
    origin: str
    trusted: tuple[Network, ...]
    form_token: FormToken | None
    page_problem: PageProblem | None
    admit_page: AdmitPage | None

    async def serve(self, route: Route, room: object, request: Request) -> Response:
        """The response of one route. Problems are responses too."""
        call = Call(
            request=request,
            request_id=request.scope[REQUEST_ID],
            route=route,
            clock=self.clock,
            address=client_address(request.scope, self.trusted),
        )
        try:
            return await self._response(route, room, call)
        except ClientDisconnect:
            raise
        except Exception as error:
            return await self._problem(call, to_problem(error, self.problem_map, route.path))

    async def _response(self, route: Route, room: object, call: Call) -> Response:
        sent = _RequestInput(call.request, as_typed=route.page)
        try:
            return await self._handle(route, room, call, sent)
        finally:
            await sent.close_uploads()

    async def _handle(self, route: Route, room: object, call: Call, sent: "_RequestInput") -> Response:
        arguments = _arguments(route, call.request)
        if route.csrf:
            await self._check_form(call, sent)
        await self._check_caller(route, call, sent)
        if route.changes and call.request.method == "HEAD":
            return Response(media_type=route.media)
        if route.changes and route.page and (refused := refused_look(call.request)):
            raise refused
        if route.idempotency is Idempotency.KEY:
            _ = call.idempotency_key  # reading it refuses a malformed key, even if the handler never reads it
        if route.body:
            arguments["body"] = convert(await sent.fields(), route.body, query=route.method == "GET")
        result = await route.handler(room, call, **arguments)
        return result if isinstance(result, Response) else json_response(result, route.status, call.response_headers)

    async def _problem(self, call: Call, problem: Problem) -> Response:
        call.request.scope[CODE] = problem.code
        if call.route.page and self.page_problem:
            return await self.page_problem(call, problem)
        return problem_response(problem, call.request_id)

    async def _check_form(self, call: Call, sent: "_RequestInput") -> None:
        who = sender(call.request.headers, self.origin)
        if who is Sender.UNKNOWN and self.form_token and await self.form_token(call, await sent.fields()):
            return
        if who is not Sender.OWN:
            raise ForeignForm

    async def _check_caller(self, route: Route, call: Call, sent: "_RequestInput") -> None:
        """Authenticates, then counts the request: by client if it is known, else by address."""
        caller = address_key(call.address)
        if route.auth in (Auth.CLIENT, Auth.ACCOUNT):
            found = await sent.credentials(route.auth)
            call.request.scope[CLIENT] = _loggable(found.client_id or "")
            await self._authenticate(found, call, caller)
            caller = found.client_id or caller
        self.limits.take(caller, route.rate.name, route.rate.per_minute)
        if route.tenant is Tenant.LINK_SESSION and self.admit_page:
            await self.admit_page(call)
            call.request.scope[SESSION] = getattr(call.session, "id", None)

    async def _authenticate(self, found: CallerCredentials, call: Call, caller: str) -> None:
        try:
            _require(found, call.route.auth)
            await self.authenticate(found, call.route.auth, call)
        except Unauthorized:
            # Counted only when it fails, so that one client behind a shared proxy cannot lock out the others.
            self.limits.take(caller, "denied", DENIED_PER_MINUTE)
            raise


class _RequestInput:
    """The fields and credentials of a request. The body is read at most once, and only if something needs it."""

    def __init__(self, request: Request, *, as_typed: bool) -> None:
        self.request = request
        self._as_typed = as_typed
        self._fields: Fields | None = None

    async def fields(self) -> Fields:
        if self._fields is None:
            self._fields = await read_fields(self.request, as_typed=self._as_typed)
        return self._fields

    async def close_uploads(self) -> None:
        await close_uploads(self.request)

    async def credentials(self, auth: Auth) -> CallerCredentials:
        # Headers first. Most clients send them, and then the body of a refused request is not read.
        found = read_credentials(self.request.headers)
        if not _missing_credentials(found, auth):
            return found
        return read_credentials(self.request.headers, await self.fields())


def mount(
    rooms: Iterable[tuple[Routes, object]],
    *,
    authenticate: Authenticate,
    limits: RateLimits | None = None,
    extra: Sequence[BaseRoute] = (),
    lifespan: Lifespan[Any] | None = None,
    public_url: str = "http://127.0.0.1",
    problems: ProblemMap | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    trusted_proxies: Iterable[str] = (),
    body_limit: int = 64 * 1024,
    form_token: FormToken | None = None,
    page_problem: PageProblem | None = None,
    admit_page: AdmitPage | None = None,
) -> ASGIApp:
    """The ASGI app of all rooms. Each handler is called with the room that is given beside its `Routes`.

    authenticate: sets `call.caller` (and `call.account`), or raises.
    limits: None for no rate limits.
    extra: Starlette routes beside the table, without its checks.
    problems: the problem for each exception of lower rooms.
    body_limit: bytes, for routes without a limit of their own.
    form_token: checks a form of a client that sends neither `Sec-Fetch-Site` nor `Origin`. Without it, such forms are
        refused.
    page_problem: shows a problem of a page as HTML.
    admit_page: for the routes of a link session, sets `call.session`, or raises if this browser may not see it.
    """
    problem_map: ProblemMap = problems or {}
    pipeline = RequestPipeline(
        authenticate=authenticate,
        limits=RateLimits(off=True) if limits is None else limits,
        clock=clock or SystemClock(),
        problem_map=problem_map,
        origin=_origin(public_url),
        trusted=networks(trusted_proxies),
        form_token=form_token,
        page_problem=page_problem,
        admit_page=admit_page,
    )
    secure = public_url.startswith("https:")
    others = Starlette(routes=extra, exception_handlers={HTTPException: _starlette_error}, lifespan=lifespan)
    others.router.redirect_slashes = False
    # Starlette's middleware and exception layers cost as much as a grouped write, so our routes do not use them.
    router = Router([(route, room) for routes, room in rooms for route in routes], pipeline.serve, others)
    metrics = metrics or Metrics()
    return EdgeMiddleware(router, metrics=metrics, problem_map=problem_map, secure=secure, body_limit=body_limit)


async def _starlette_error(request: Request, error: Exception) -> Response:
    """404 and 405 of the `extra` routes and of unknown paths, as our problems."""
    problem = to_problem(error, {}, "other")
    request.scope[CODE] = problem.code
    return problem_response(problem, request.scope[REQUEST_ID])


def _origin(url: str) -> str:
    """The origin of a URL as browsers send it: lower case, without the default port (RFC 6454 §6.2)."""
    parts = urlsplit(url.lower())
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(port)}"


@lru_cache(maxsize=1024)
def _loggable(client_id: str) -> str:
    """A client_id that somebody sent, which may be anything."""
    return mask(client_id[:80])


def _missing_credentials(found: CallerCredentials, auth: Auth) -> list[str]:
    if found.client_id and found.client_secret and (found.access_token or auth is not Auth.ACCOUNT):
        return []
    wanted: Mapping[str, str | None] = {"client_id": found.client_id, "client_secret": found.client_secret}
    if auth is Auth.ACCOUNT:
        wanted = {**wanted, "access_token": found.access_token}
    return [name for name, value in wanted.items() if not value]


def _require(found: CallerCredentials, auth: Auth) -> None:
    if absent := _missing_credentials(found, auth):
        raise Unauthorized(f"Missing {' and '.join(absent)}. Send them as headers of the request.")


def _arguments(route: Route, request: Request) -> dict[str, Any]:
    """The path parameters that the handler takes. A value that no id can have is a 404, for those of others too."""
    given: dict[str, Any] = {}
    for name, value in request.path_params.items():
        text, kind = str(value), route.arguments.get(name)
        if not text.isprintable() or (kind is int and not (text.isascii() and text.isdigit() and len(text) < 19)):
            raise NotFound
        if kind:
            given[name] = kind(text)
    return given
