"""Finds the route for a path and a method.

Literal paths are found by look-up, path templates in the order of their declaration. A slash at the end is accepted
without a redirect, HEAD is answered as GET, and a 405 lists the allowed methods. An encoded slash (`%2F`) belongs to
the parameter that it stands in, because ids of apps may contain one.
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from cobalt_link.web.edge import ROUTE
from cobalt_link.web.problems import MethodNotAllowed
from cobalt_link.web.table import Route, check_duplicates, parameters

Serve = Callable[[Route, object, Request], Awaitable[Response]]
Endpoint = tuple[Route, object]  # a route, and the room that its handler is called with
SLASH = "\udc2f"  # an encoded slash, while a path is matched. No decoded path contains a lone surrogate
Match = tuple[dict[str, Endpoint], dict[str, Any]]  # the endpoints of a path by method, and the path's parameters


class Router:
    """All routes as one ASGI app. Paths that no route has go to the app `otherwise`."""

    def __init__(self, endpoints: Iterable[Endpoint], serve: Serve, otherwise: ASGIApp) -> None:
        self._serve = serve
        self._otherwise = otherwise
        self._literal: dict[str, dict[str, Endpoint]] = defaultdict(dict)
        self._templates: dict[str, tuple[re.Pattern[str], dict[str, Endpoint]]] = {}
        endpoints = list(endpoints)
        check_duplicates([route for route, _ in endpoints])
        for route, room in endpoints:
            for path in route.paths:
                self._methods(path)[route.method] = (route, room)

    def _methods(self, path: str) -> dict[str, Endpoint]:
        if not parameters(path):
            return self._literal[path]
        return self._templates.setdefault(path, (compile_path(path)[0], {}))[1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._otherwise(scope, receive, send)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        matches: list[Match] = []
        for endpoints, path_params in self._matches(_path(scope)):
            matches.append((endpoints, path_params))
            if method in endpoints:
                route, room = endpoints[method]
                scope.update({ROUTE: route, "path_params": path_params})
                response = await self._serve(route, room, Request(scope, receive, send))
                return await response(scope, receive, send)
        # TRACE is a 405 on every path, unknown ones included: RFC 9110 §9.3.8 has it echo the request, secrets and all.
        if not matches and method != "TRACE":
            return await self._otherwise(scope, receive, send)
        raise MethodNotAllowed(headers={"Allow": ", ".join(_allowed(matches))})

    def _matches(self, path: str) -> Iterable[Match]:
        if path != "/":
            path = path.removesuffix("/")
        if path in self._literal:
            # A literal path hides the templates that it also matches: another method on it is a 405, not a parameter.
            yield self._literal[path], {}
            return
        for pattern, endpoints in self._templates.values():
            if match := pattern.match(path):
                yield endpoints, {name: value.replace(SLASH, "/") for name, value in match.groupdict().items()}


def _path(scope: Scope) -> str:
    """The decoded path of a request, with `SLASH` for each encoded slash."""
    raw: bytes = (scope.get("raw_path") or b"").partition(b"?")[0]
    if b"%2f" not in raw.lower():
        return scope["path"]
    return "/".join(unquote(part, errors="replace").replace("/", SLASH) for part in raw.decode("latin-1").split("/"))


def _allowed(matches: list[Match]) -> list[str]:
    methods = {method for endpoints, _ in matches for method in endpoints} or {"GET"}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
