"""The three calls that most rows of the chart have: list with filters and pages, read one, and write one."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.api.chart_work import read_chart, write_chart
from sandbox_ehr.clinic import records
from sandbox_ehr.clinic.records import Kind, ListQuery
from sandbox_ehr.requests import json_body, query_parameters
from sandbox_ehr.responses import json_response

Endpoint = Callable[[Request], Awaitable[Response]]
Work = Callable[..., Any]


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a call that takes no parameters."""


class NoBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a call that takes no members."""


def lists(right: str, kind: Kind, query_shape: type[ListQuery]) -> Route:
    """`GET /api/<plural>` with the filters of the query."""

    async def endpoint(request: Request) -> Response:
        session = await require_session(request, right)
        query = query_parameters(request, query_shape)
        total, rows = await read_chart(request, session, records.find, kind, query)
        return json_response({member(kind.plural): rows, "total": total, "offset": query.offset, "limit": query.limit})

    return Route(address(kind), endpoint, methods=["GET"])


def reads(right: str, kind: Kind) -> Route:
    """`GET /api/<plural>/{id}`."""

    async def endpoint(request: Request) -> Response:
        session = await require_session(request, right)
        query_parameters(request, NoQuery)
        row = await read_chart(request, session, records.one, kind, request.path_params["id"])
        return json_response({kind.name: row})

    return Route(f"{address(kind)}/{{id}}", endpoint, methods=["GET"])


def creates(right: str, path: str, name: str, shape: type[msgspec.Struct], work: Work) -> Route:
    """`POST <path>`, which answers with what `work(connection, context, body)` made."""

    async def endpoint(request: Request) -> Response:
        session = await require_session(request, right)
        body: Any = await json_body(request, shape)
        return await write_chart(request, session, name, work, body, client_ref=body.client_ref)

    return Route(path, endpoint, methods=["POST"])


def changes(right: str, path: str, name: str, shape: type[msgspec.Struct], work: Work, method: str = "PATCH") -> Route:
    """`PATCH <path>` with an `{id}`, which answers with what `work(connection, context, id, body)` changed."""

    async def endpoint(request: Request) -> Response:
        session = await require_session(request, right)
        body = await json_body(request, shape)
        return await write_chart(request, session, name, work, request.path_params["id"], body)

    return Route(path, endpoint, methods=[method])


def address(kind: Kind) -> str:
    return f"/api/{kind.plural}"


def member(plural: str) -> str:
    """The name under which a list answers: `patient-notes` are in `patient_notes`."""
    return plural.replace("-", "_")
