"""The route table: for each route its paths, who may call it, what it takes, and what it answers.

An incomplete declaration fails when its module is imported, so the matrix tests miss no route.
"""

import enum
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import SimpleNamespace, UnionType
from typing import Any, NotRequired, Required, TypedDict, Union, Unpack, get_args, get_origin, get_type_hints

import msgspec
from starlette.responses import Response

from cobalt_link.web.problems import Problem

Handler = Callable[..., Awaitable[Any]]


class Auth(enum.Enum):
    """Who may call: anybody, a client, a client with an account's token, or a browser with its cookie."""

    NONE = "none"
    CLIENT = "client"
    ACCOUNT = "account"
    PAGE = "page"


class Tenant(enum.Enum):
    """Whose data a route may touch. The matrix tests call each route as another tenant and expect "not found"."""

    NONE = "none"
    CLIENT = "client"
    ACCOUNT = "account"
    LINK_SESSION = "link_session"


class Rate(enum.Enum):
    """Rate class. The number is its limit in requests per minute and caller; 0 means no limit."""

    # With a name beside the number: two members with equal values would be one member.
    TOKEN = (600, "token")
    READ = (1200, "read")
    WRITE = (600, "write")
    PAGE = (1200, "page")
    PUBLIC = (300, "public")
    SYSTEM = (0, "system")

    @property
    def per_minute(self) -> int:
        return self.value[0]


class Idempotency(enum.Enum):
    """KEY means that the handler honors an `Idempotency-Key` header."""

    NONE = "none"
    KEY = "key"


class RouteDeclarationError(TypeError):
    """A route is declared incompletely or contradicts itself. Raised while its module is imported."""


class RouteOptions(TypedDict):
    """The required and optional parts of a route's declaration."""

    auth: Required[Auth]
    tenant: Required[Tenant]
    rate: Required[Rate]
    idempotency: Required[Idempotency]
    audit: Required[str | None]
    errors: Required[tuple[type[Problem], ...]]
    summary: Required[str]
    also: NotRequired[tuple[str, ...]]
    status: NotRequired[int]
    csrf: NotRequired[bool]
    media: NotRequired[str]
    max_body: NotRequired[int]
    changes: NotRequired[bool]


class PageOptions(TypedDict):
    """The required and optional parts of a page's declaration."""

    tenant: Required[Tenant]
    rate: Required[Rate]
    audit: Required[str | None]
    summary: Required[str]
    csrf: Required[bool]
    audience: Required[str]
    also: NotRequired[tuple[str, ...]]
    errors: NotRequired[tuple[type[Problem], ...]]
    max_body: NotRequired[int]
    changes: NotRequired[bool]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route: a method on a path template, and on the paths in `also`.

    `body` is the struct of the request or None. `response` is the type of the response. `arguments` are the path
    parameters that the handler takes, with their types. `max_body` is in bytes; None means the limit of the app.
    `changes`: a GET that changes something. HEAD, prefetches, and previews do not reach its handler.
    """

    room: str
    method: str
    path: str
    handler: Handler
    auth: Auth
    tenant: Tenant
    rate: Rate
    idempotency: Idempotency
    audit: str | None
    errors: tuple[type[Problem], ...]
    summary: str
    body: type[msgspec.Struct] | None
    response: Any
    arguments: dict[str, type]
    also: tuple[str, ...] = ()
    status: int = 200
    page: bool = False
    csrf: bool = False
    audience: str = "api"
    media: str = "application/json"
    max_body: int | None = None
    changes: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path, *self.also)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Routes:
    """The routes of one room. Create it at module level."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.rows: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self.rows)

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        return self._declare("GET", path, RouteOptions, dict(options))

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        return self._declare("POST", path, RouteOptions, dict(options))

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        return self._declare("PUT", path, RouteOptions, dict(options))

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        return self._declare("PATCH", path, RouteOptions, dict(options))

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        return self._declare("DELETE", path, RouteOptions, dict(options))

    def page(self, path: str, *, method: str = "GET", **options: Unpack[PageOptions]) -> Callable[[Handler], Handler]:
        """An HTML page. Its handler returns a Starlette `Response`. It is in the table but not in OpenAPI."""
        fixed = {"auth": Auth.PAGE, "idempotency": Idempotency.NONE, "page": True, "media": "text/html"}
        return self._declare(method, path, PageOptions, {"errors": (), **options}, fixed)

    def _declare(
        self, method: str, path: str, shape: Any, options: dict[str, Any], fixed: dict[str, Any] | None = None
    ) -> Callable[[Handler], Handler]:
        name = f"{method} {path}"
        if missing := sorted(shape.__required_keys__ - options.keys()):
            raise RouteDeclarationError(f"{name} does not declare: {', '.join(missing)}")
        if unknown := sorted(options.keys() - shape.__required_keys__ - shape.__optional_keys__):
            raise RouteDeclarationError(f"{name} declares options that do not exist: {', '.join(unknown)}")

        def register(handler: Handler) -> Handler:
            shapes = _handler_types(name, handler, parameters(path))
            route = Route(
                room=self.room, method=method, path=path, handler=handler, **shapes, **options, **(fixed or {})
            )
            _check_route(route, options)
            check_duplicates([*self.rows, route])
            self.rows.append(route)
            return handler

        return register


def parameters(path: str) -> set[str]:
    """The names in braces of a path template."""
    return set(re.findall(r"{(\w+)(?::\w+)?}", path))


def _handler_types(name: str, handler: Handler, in_path: set[str]) -> dict[str, Any]:
    """The types of `(room, call[, body][, path parameters…]) -> response`, from the annotations of the handler."""
    if not inspect.iscoroutinefunction(handler):
        raise RouteDeclarationError(f"{name}: {handler.__qualname__} must be an async function")
    given = [*inspect.signature(handler).parameters][2:]
    hints = _annotations(name, handler, [*given, "return"])
    if strange := sorted({*given} - {"body"} - in_path):
        raise RouteDeclarationError(
            f"{name}: {handler.__qualname__} takes {', '.join(strange)}, which the path does not have"
        )
    arguments = {key: hints[key] for key in given if key != "body"}
    return {"body": hints.get("body"), "response": hints["return"], "arguments": arguments}


def _annotations(name: str, handler: Handler, wanted: list[str]) -> dict[str, Any]:
    # Only the wanted ones are resolved: the type of the room may be imported under TYPE_CHECKING.
    if missing := [key for key in wanted if key not in handler.__annotations__]:
        raise RouteDeclarationError(f"{name}: {handler.__qualname__} does not annotate: {', '.join(missing)}")
    chosen = SimpleNamespace(__annotations__={key: handler.__annotations__[key] for key in wanted})
    return get_type_hints(chosen, handler.__globals__, include_extras=True)


def _check_route(route: Route, declared: Iterable[str]) -> None:
    """Raises `RouteDeclarationError` if a route contradicts itself."""
    mistakes = {
        "a body must be a msgspec.Struct": route.body is not None and not _is_struct(route.body),
        "a JSON answer must be a msgspec.Struct or a union of them": route.media == "application/json"
        and not all(_is_struct(kind) for kind in members(route.response)),
        "a page or another media type must answer a Response": route.media != "application/json"
        and not all(isinstance(kind, type) and issubclass(kind, Response) for kind in members(route.response)),
        "path parameters must be str or int": not set(route.arguments.values()) <= {str, int},
        "the paths in also must have the same parameters": any(
            parameters(path) != parameters(route.path) for path in route.also
        ),
        "paths must start with / and must not end with /": any(not _is_path(path) for path in route.paths),
        "the summary is empty": not route.summary.strip(),
        "errors must be Problem classes": not all(issubclass(kind, Problem) for kind in route.errors),
        "a route without authentication cannot have this tenant": route.auth is Auth.NONE
        and route.tenant in (Tenant.CLIENT, Tenant.ACCOUNT),
        "a page that changes something must declare csrf": route.auth is Auth.PAGE
        and route.method != "GET"
        and "csrf" not in declared,
        "only a GET must say that it changes something": route.changes and route.method != "GET",
        "a route for an account needs a tenant": route.auth is Auth.ACCOUNT and route.tenant is Tenant.NONE,
    }
    if found := [text for text, wrong in mistakes.items() if wrong]:
        raise RouteDeclarationError(f"{route}: {'; '.join(found)}")


def check_duplicates(routes: list[Route]) -> None:
    """Refuses two routes for one method and path, and one path whose parameters have two names."""
    seen: set[tuple[str, str]] = set()
    templates: dict[str, str] = {}
    for route in routes:
        for path in route.paths:
            template = re.sub(r"{[^}]*}", "{}", path)
            if (route.method, template) in seen:
                raise RouteDeclarationError(f"{route.method} {path} is declared twice")
            if (known := templates.setdefault(template, path)) != path:
                text = f"{route.method} {path} is {known} elsewhere. Give its parameters the same names."
                raise RouteDeclarationError(text)
            seen.add((route.method, template))


def _is_path(path: str) -> bool:
    return path == "/" or (path.startswith("/") and not path.endswith("/"))


def members(kind: Any) -> tuple[Any, ...]:
    """The types of a union, or the type itself."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
