"""The lists from which other calls take ids: users, pharmacies, folders, payment methods, and so on."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.api.chart_work import read_schedule
from sandbox_ehr.api.resources import Endpoint, NoQuery
from sandbox_ehr.clinic.calls import CALL_TYPES
from sandbox_ehr.clinic.charges import CLAIM_STATUSES, PAYMENT_METHODS
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.documents import FOLDERS
from sandbox_ehr.clinic.notes import NOTE_TYPES
from sandbox_ehr.clinic.pharmacies import pharmacies
from sandbox_ehr.clinic.practice import Code
from sandbox_ehr.requests import query_parameters
from sandbox_ehr.responses import json_response


def _choices(name: str, of: Callable[[ChartContext], Any]) -> Endpoint:
    """The endpoint of a list that every session may read."""

    async def endpoint(request: Request) -> Response:
        session = await require_session(request)
        query_parameters(request, NoQuery)
        return json_response({name: await read_schedule(request, session, lambda _, context: of(context))})

    return endpoint


def _named(codes: tuple[Code, ...]) -> list[dict[str, str]]:
    return [{"id": code.code, "name": code.description} for code in codes]


CHOICES: dict[str, Callable[[ChartContext], Any]] = {
    "users": lambda context: context.users,
    "pharmacies": lambda context: pharmacies(context.clinic),
    "document-folders": lambda _: _named(FOLDERS),
    "note-types": lambda _: _named(NOTE_TYPES),
    "call-types": lambda _: _named(CALL_TYPES),
    "payment-methods": lambda _: _named(PAYMENT_METHODS),
    "claim-statuses": lambda _: _named(CLAIM_STATUSES),
}

routes = [Route(f"/api/{name}", _choices(name.replace("-", "_"), of), methods=["GET"]) for name, of in CHOICES.items()]
