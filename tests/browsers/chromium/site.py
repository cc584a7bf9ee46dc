"""The site of an app: pages of the test, served over TCP.

Link is at 127.0.0.1 and the app is at localhost. Two ports of the same host would be one site to a browser, and would
prove nothing about frames and cookies (docs/develop/pages.md).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cobalt_link.web import server
from tests.support.world import free_port

# The snippet of the contract (§3.2). `log` records each call of a callback.
APP = """<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,">
<body style="height: 3000px"><h1>App</h1><button id="go" onclick="launch_cobalt()">Link account</button>
<script src="{link}/init.js"></script>
<script>
  var LINK_TOKEN = new URLSearchParams(location.hash.slice(1)).get("token") || undefined, log = [];
  var config = () => ({{
    token: LINK_TOKEN,
    onSuccess: function (public_token) {{ log.push(["success", public_token]); }},
    onExit: function (error, metadata) {{ log.push(["exit", error && error.code, error && error.message, metadata]); }},
    onEvent: function (name, metadata) {{ log.push(["event", name, metadata]); }},
    onLoad: function () {{ log.push(["load"]); }},
  }});
  function launch_cobalt() {{ return window.CobaltLink.init(config()); }}
</script>"""


class Site:
    """`pages` by path, each with its headers. Any other path is not found."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"http://localhost:{port}"
        self.pages: dict[str, tuple[str, Mapping[str, str]]] = {}

    def put(self, path: str, html: str, **headers: str) -> str:
        """Serves a page and returns its address. In the names of `headers`, write _ for -."""
        self.pages[path] = (html, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.address + path

    async def answer(self, request: Request) -> Response:
        html, headers = self.pages.get(request.url.path, ("", {}))
        if request.url.path not in self.pages:
            return Response(status_code=404)
        media = "text/javascript" if request.url.path.endswith(".js") else "text/html"
        return Response(html, media_type=media, headers=dict(headers))


@asynccontextmanager
async def served() -> AsyncIterator[Site]:
    site = Site(free_port())
    app = Starlette(routes=[Route("/{path:path}", site.answer)])
    async with server.serving(app, "127.0.0.1", site.port):
        yield site
