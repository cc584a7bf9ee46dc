"""The routes of the files that pages and apps load: style sheets and scripts at hashed paths, and the SDK."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from cobalt_link.link.pages import assets
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.web import Call, Rate, Routes, Tenant
from cobalt_link.web.problems import NotFound

routes = Routes("link files")

SCRIPT = "text/javascript; charset=utf-8"


@routes.page(
    "/static/{name}", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, csrf=False, audience="end user",
    errors=(NotFound,), summary="Get a style sheet or a script, at a path that contains its hash.",
)  # fmt: skip
async def static(room: HostedPages, call: Call, name: str) -> Response:
    try:
        body, media = assets.static(name)
    except KeyError:
        raise NotFound from None
    return _file(call, body, media, assets.STATIC_HEADERS)


@routes.page(
    "/init.js", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, csrf=False, audience="app developer",
    summary="Get the SDK.",
)  # fmt: skip
async def sdk(room: HostedPages, call: Call) -> Response:
    return _file(call, assets.source("init.js"), SCRIPT, assets.SDK_HEADERS)


@routes.page(
    "/v{version}/init.js", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, csrf=False, audience="app developer",
    errors=(NotFound,), summary="Get the SDK of one version, which never changes.",
)  # fmt: skip
async def sdk_of_version(room: HostedPages, call: Call, version: str) -> Response:
    if version != assets.VERSION:
        raise NotFound(f"This server has the SDK of version {assets.VERSION}. Load /v{assets.VERSION}/init.js.")
    return _file(call, assets.source("init.js"), SCRIPT, {**assets.SDK_HEADERS, **assets.IMMUTABLE})


def _file(call: Call, body: bytes, media: str, headers: Mapping[str, str]) -> Response:
    """A file in the best encoding that the browser accepts."""
    body, coding = assets.packed(body, call.header("Accept-Encoding") or "")
    packed = {"Content-Encoding": coding} if coding else {}
    return Response(body, media_type=media, headers={**headers, "Vary": "Accept-Encoding", **packed})
