"""Finds the row for a path and method: literal paths by look-up, templates in the order of their declaration.

A slash at the end is tolerated without a redirect, HEAD is answered as GET, and 405 lists what is allowed.
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from cobalt_link.web.edge import ROUTE
from cobalt_link.web.problems import MethodNotAllowed
from cobalt_link.web.table import Route, parameters, refuse_twins

Serve = Callable[[Route, object, Request], Awaitable[Response]]
Choice = tuple[Route, object]
Found = tuple[dict[str, Choice], dict[str, Any]]  # the choices by method, and the path's parameters


class Table:
    """All rows as one ASGI app, each with the room that its handler is called with; the rest goes to `otherwise`."""

    def __init__(self, rows: Iterable[Choice], serve: Serve, otherwise: ASGIApp) -> None:
        self._serve = serve
        self._otherwise = otherwise
        self._literal: dict[str, dict[str, Choice]] = defaultdict(dict)
        self._templates: dict[str, tuple[re.Pattern[str], dict[str, Choice]]] = {}
        rows = list(rows)
        refuse_twins([row for row, _ in rows])
        for row, room in rows:
            for path in row.paths:
                self._methods(path)[row.method] = (row, room)

    def _methods(self, path: str) -> dict[str, Choice]:
        if not parameters(path):
            return self._literal[path]
        return self._templates.setdefault(path, (compile_path(path)[0], {}))[1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._otherwise(scope, receive, send)
        wanted = "GET" if scope["method"] == "HEAD" else scope["method"]
        found: list[Found] = []
        for choices, path_params in self._candidates(scope["path"]):
            found.append((choices, path_params))
            if wanted in choices:
                row, room = choices[wanted]
                scope.update({ROUTE: row, "path_params": path_params})
                response = await self._serve(row, room, Request(scope, receive, send))
                return await response(scope, receive, send)
        if not found and wanted != "TRACE":
            return await self._otherwise(scope, receive, send)
        raise MethodNotAllowed(headers={"Allow": ", ".join(_allowed(found))})

    def _candidates(self, path: str) -> Iterable[Found]:
        if path != "/":
            path = path.removesuffix("/")
        if path in self._literal:
            # A path of its own is nobody else's: another method on it is 405, not a parameter of a template.
            yield self._literal[path], {}
            return
        for pattern, choices in self._templates.values():
            if match := pattern.match(path):
                yield choices, match.groupdict()


def _allowed(found: list[Found]) -> list[str]:
    methods = {method for choices, _ in found for method in choices} or {"GET"}
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
