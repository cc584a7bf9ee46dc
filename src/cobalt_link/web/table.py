"""The table of routes: what each one is, who may call it, and what it takes and answers.

A declaration that leaves a question open fails at import, so no route can be forgotten by the matrix tests.
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
    """Who must call: nobody in particular, a client, a client with an account's token, a browser with its cookie."""

    NONE = "none"
    CLIENT = "client"
    ACCOUNT = "account"
    PAGE = "page"


class Tenant(enum.Enum):
    """Whose data a route may touch; the matrix tests call each route as somebody else and expect "not found"."""

    NONE = "none"
    CLIENT = "client"
    ACCOUNT = "account"
    LINK_SESSION = "link_session"


class Rate(enum.Enum):
    """Rate class; the value is its default in requests per minute and caller, 0 for no limit."""

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
    """KEY: the handler honours an `Idempotency-Key` header."""

    NONE = "none"
    KEY = "key"


class RouteMistake(TypeError):
    """A route is not declared whole; raised while its module is imported."""


class Says(TypedDict):
    """What a route must say, and what it may say."""

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


class PageSays(TypedDict):
    """What a page must say, and what it may say."""

    tenant: Required[Tenant]
    rate: Required[Rate]
    audit: Required[str | None]
    summary: Required[str]
    csrf: Required[bool]
    audience: Required[str]
    also: NotRequired[tuple[str, ...]]
    errors: NotRequired[tuple[type[Problem], ...]]
    max_body: NotRequired[int]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a method on a path template (and on the paths in `also`) with everything it declares.

    `body` is the request's struct or None; `answer` the response's type; `arguments` the path parameters that the
    handler takes with their types; `max_body` counts bytes, None means what the app allows.
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
    answer: Any
    arguments: dict[str, type]
    also: tuple[str, ...] = ()
    status: int = 200
    page: bool = False
    csrf: bool = False
    audience: str = "api"
    media: str = "application/json"
    max_body: int | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path, *self.also)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Routes:
    """The routes of one room, at module level of its `api.py`."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.rows: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self.rows)

    def get(self, path: str, **says: Unpack[Says]) -> Callable[[Handler], Handler]:
        return self._declare("GET", path, Says, dict(says))

    def post(self, path: str, **says: Unpack[Says]) -> Callable[[Handler], Handler]:
        return self._declare("POST", path, Says, dict(says))

    def put(self, path: str, **says: Unpack[Says]) -> Callable[[Handler], Handler]:
        return self._declare("PUT", path, Says, dict(says))

    def patch(self, path: str, **says: Unpack[Says]) -> Callable[[Handler], Handler]:
        return self._declare("PATCH", path, Says, dict(says))

    def delete(self, path: str, **says: Unpack[Says]) -> Callable[[Handler], Handler]:
        return self._declare("DELETE", path, Says, dict(says))

    def page(self, path: str, *, method: str = "GET", **says: Unpack[PageSays]) -> Callable[[Handler], Handler]:
        """An HTML page: its handler returns a Starlette `Response`; it stays out of OpenAPI but in the table."""
        fixed = {"auth": Auth.PAGE, "idempotency": Idempotency.NONE, "page": True, "media": "text/html"}
        return self._declare(method, path, PageSays, {"errors": (), **says}, fixed)

    def _declare(
        self, method: str, path: str, shape: Any, says: dict[str, Any], fixed: dict[str, Any] | None = None
    ) -> Callable[[Handler], Handler]:
        name = f"{method} {path}"
        if missing := sorted(shape.__required_keys__ - says.keys()):
            raise RouteMistake(f"{name} does not declare: {', '.join(missing)}")
        if unknown := sorted(says.keys() - shape.__required_keys__ - shape.__optional_keys__):
            raise RouteMistake(f"{name} declares what no route has: {', '.join(unknown)}")

        def register(handler: Handler) -> Handler:
            shapes = _shapes(name, handler, parameters(path))
            row = Route(room=self.room, method=method, path=path, handler=handler, **shapes, **says, **(fixed or {}))
            _judge(row, says)
            refuse_twins([*self.rows, row])
            self.rows.append(row)
            return handler

        return register


def parameters(path: str) -> set[str]:
    """The names in braces of a path template."""
    return set(re.findall(r"{(\w+)(?::\w+)?}", path))


def _shapes(name: str, handler: Handler, in_path: set[str]) -> dict[str, Any]:
    """What a handler takes and answers, by its annotations: `(room, call[, body][, path parameters…]) -> answer`."""
    if not inspect.iscoroutinefunction(handler):
        raise RouteMistake(f"{name}: {handler.__qualname__} must be an async function")
    given = [*inspect.signature(handler).parameters][2:]
    hints = _hints(name, handler, [*given, "return"])
    if strange := sorted({*given} - {"body"} - in_path):
        raise RouteMistake(f"{name}: {handler.__qualname__} takes {', '.join(strange)}, which the path does not have")
    arguments = {key: hints[key] for key in given if key != "body"}
    return {"body": hints.get("body"), "answer": hints["return"], "arguments": arguments}


def _hints(name: str, handler: Handler, wanted: list[str]) -> dict[str, Any]:
    # Only these are resolved: a room's own type may stand under TYPE_CHECKING.
    if missing := [key for key in wanted if key not in handler.__annotations__]:
        raise RouteMistake(f"{name}: {handler.__qualname__} does not annotate: {', '.join(missing)}")
    chosen = SimpleNamespace(__annotations__={key: handler.__annotations__[key] for key in wanted})
    return get_type_hints(chosen, handler.__globals__, include_extras=True)


def _judge(row: Route, said: Iterable[str]) -> None:
    """Refuse a row that contradicts itself."""
    mistakes = {
        "a body must be a msgspec.Struct": row.body is not None and not _is_struct(row.body),
        "a JSON answer must be a msgspec.Struct or a union of them": row.media == "application/json"
        and not all(_is_struct(kind) for kind in members(row.answer)),
        "a page or another media type must answer a Response": row.media != "application/json"
        and not all(isinstance(kind, type) and issubclass(kind, Response) for kind in members(row.answer)),
        "path parameters must be str or int": not set(row.arguments.values()) <= {str, int},
        "the paths in also must have the same parameters": any(
            parameters(path) != parameters(row.path) for path in row.also
        ),
        "paths start with / and do not end with one": any(not _is_path(path) for path in row.paths),
        "the summary is empty": not row.summary.strip(),
        "errors must be Problem classes": not all(issubclass(kind, Problem) for kind in row.errors),
        "nobody in particular has no tenant": row.auth is Auth.NONE and row.tenant in (Tenant.CLIENT, Tenant.ACCOUNT),
        "a browser's change says whether a foreign form may change something (csrf)": row.auth is Auth.PAGE
        and row.method != "GET"
        and "csrf" not in said,
        "an account's token means a tenant": row.auth is Auth.ACCOUNT and row.tenant is Tenant.NONE,
    }
    if found := [text for text, wrong in mistakes.items() if wrong]:
        raise RouteMistake(f"{row}: {'; '.join(found)}")


def refuse_twins(rows: list[Route]) -> None:
    """Refuse two rows for one method and path, and one path whose parameters have two names."""
    seen: set[tuple[str, str]] = set()
    templates: dict[str, str] = {}
    for row in rows:
        for path in row.paths:
            template = re.sub(r"{[^}]*}", "{}", path)
            if (row.method, template) in seen:
                raise RouteMistake(f"{row.method} {path} is declared twice")
            if (known := templates.setdefault(template, path)) != path:
                raise RouteMistake(f"{row.method} {path} is {known} elsewhere; give its parameters the same names")
            seen.add((row.method, template))


def _is_path(path: str) -> bool:
    return path == "/" or (path.startswith("/") and not path.endswith("/"))


def members(kind: Any) -> tuple[Any, ...]:
    """The types in a union, or the one type that it is."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
