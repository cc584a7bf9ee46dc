"""The wiring: one Starlette app over one folder."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr import lab_api
from sandbox_ehr.api import chart_routes as chart_api
from sandbox_ehr.api import login_routes as login_api
from sandbox_ehr.ehr import Ehr
from sandbox_ehr.middleware import Gate
from sandbox_ehr.refusals import Refusal, Refused
from sandbox_ehr.requests import refuse, seen
from sandbox_ehr.web import chart_pages as web_chart
from sandbox_ehr.web import sign_in_pages as web_sign_in
from sandbox_ehr.web.rendering import page


def create_app(path: Path) -> Starlette:
    """The EHR over the folder `path`, which it makes when needed."""
    ehr = Ehr(path)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        await ehr.start()
        yield
        await ehr.database.close()

    app = Starlette(
        routes=[*login_api.routes, *chart_api.routes, *lab_api.routes, *web_sign_in.routes, *web_chart.routes],
        middleware=[Middleware(Gate, ehr=ehr)],
        exception_handlers={Refused: _refused, HTTPException: _http_error, Exception: _crashed},
        lifespan=lifespan,
    )
    app.state.ehr = ehr
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    seen(request, error.refusal.error)
    return _told(request, error.refusal)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    response = _told(request, Refusal(name, error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response


async def _crashed(_request: Request, error: Exception) -> Response:
    logging.getLogger("sandbox_ehr").error("A request crashed", exc_info=error)
    return refuse(Refusal("server_error", 500, "Something broke in the Sandbox EHR; its own log tells what."))


def _told(request: Request, refusal: Refusal) -> Response:
    """JSON for programs, a page for people."""
    if request.url.path.startswith("/api/") or refusal.page is not None:
        return refuse(refusal)
    return page("refused.html", refusal.status, notice=refusal)
