"""Joins the rooms into one ASGI app over one folder."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr.api import (
    billing_routes,
    care_routes,
    chart_routes,
    choice_routes,
    document_routes,
    login_routes,
    note_routes,
    patient_routes,
    schedule_routes,
    task_routes,
)
from sandbox_ehr.ehr import Ehr
from sandbox_ehr.fhir import routes as fhir_routes
from sandbox_ehr.lab import routes as lab_routes
from sandbox_ehr.lab.fault_injection import FaultInjection
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.lab.request_logging import RequestLogging
from sandbox_ehr.middleware import BodyLimit, EnsureStarted, ResponseHeaders
from sandbox_ehr.oauth import routes as oauth_routes
from sandbox_ehr.refusals import Refusal, RequestRefused
from sandbox_ehr.responses import refusal_response
from sandbox_ehr.twins import PLAIN, load
from sandbox_ehr.web import assets, chart_pages, password_pages, patient_page, sign_in_pages
from sandbox_ehr.web.rendering import page

ROUTES = [
    *login_routes.routes,
    *chart_routes.routes,
    *schedule_routes.routes,
    *patient_routes.routes,
    *note_routes.routes,
    *document_routes.routes,
    *care_routes.routes,
    *task_routes.routes,
    *billing_routes.routes,
    *choice_routes.routes,
    *lab_routes.routes,
    *sign_in_pages.routes,
    *password_pages.routes,
    *chart_pages.routes,
    *patient_page.routes,
    *assets.routes,
]

# What the router refuses. Its own messages, such as "Not Found", are too short for a person.
HTTP_ERRORS = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not accept that method."),
}


def create_app(folder: Path, like: str = PLAIN.name) -> Starlette:
    """The EHR with its data in `folder`, which is created if needed. `like` is the name of a vendor twin."""
    twin = load(like)
    ehr = Ehr(folder, twin)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        await ehr.start()
        yield
        await ehr.database.close()

    app = Starlette(
        routes=[*ROUTES, *oauth_routes.routes(twin), *fhir_routes.routes(twin)],
        # From the outside in. A refused body and an injected fault still get the headers and a log entry.
        middleware=[
            Middleware(EnsureStarted, ehr=ehr),
            Middleware(ResponseHeaders),
            Middleware(RequestLogging, ehr=ehr),
            Middleware(BodyLimit),
            Middleware(FaultInjection, ehr=ehr),
        ],
        exception_handlers={RequestRefused: _on_refusal, HTTPException: _on_http_error, Exception: _on_crash},
        lifespan=lifespan,
    )
    app.state.ehr = ehr
    return app


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    note_outcome(request, error.refusal.error)
    return _refusal_for(request, error.refusal)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, message = HTTP_ERRORS.get(error.status_code, ("bad_request", error.detail))
    response = _refusal_for(request, Refusal(code, error.status_code, message))
    response.headers.update(error.headers or {})  # A 405 names the methods that are allowed.
    return response


async def _on_crash(_request: Request, error: Exception) -> Response:
    logging.getLogger("sandbox_ehr").error("A request crashed", exc_info=error)
    return refusal_response(Refusal("server_error", 500, "Something went wrong in the Sandbox EHR. See its own log."))


def _refusal_for(request: Request, refusal: Refusal) -> Response:
    """JSON for programs, a page for people."""
    if request.url.path.startswith("/api/") or refusal.page is not None:
        return refusal_response(refusal)
    return page("refused.html", refusal.status, notice=refusal)
