"""Writing the schedule over JSON: visits, blocks, and open slots."""

import sqlite3
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.api.appointment_shape import appointment_shape
from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.api.chart_work import read_schedule
from sandbox_ehr.api.resources import Endpoint, Work, changes, creates
from sandbox_ehr.clinic import schedule_slots, visit_writes, visits
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.schedule_slots import NewSlot, SlotQuery
from sandbox_ehr.clinic.visit_writes import Cancellation, NewVisit, VisitChange
from sandbox_ehr.requests import query_parameters
from sandbox_ehr.responses import json_response

SlotKind = Literal["block", "open"]


def _slots(kind: SlotKind, plural: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        session = await require_session(request, "schedule.read")
        query = query_parameters(request, SlotQuery)
        return json_response({plural: await read_schedule(request, session, _planned_slots, kind, query)})

    return endpoint


def _planned_slots(
    connection: sqlite3.Connection, context: ChartContext, kind: SlotKind, query: SlotQuery
) -> list[dict[str, Any]]:
    visits.plan_around_today(connection, context.clinic, context.now)
    return schedule_slots.find(connection, context, kind, query)


def _new_slot(kind: SlotKind) -> Work:
    def work(connection: sqlite3.Connection, context: ChartContext, body: NewSlot) -> dict[str, Any]:
        return schedule_slots.create(connection, context, kind, body)

    return work


def _shown(write: Work) -> Work:
    """The same work, whose visit is in the shape of the API."""

    def work(connection: sqlite3.Connection, context: ChartContext, *args: Any) -> dict[str, Any]:
        visit = write(connection, context, *args)
        return appointment_shape(connection, context, [visit], with_note=True)[0]

    return work


routes = [
    creates("schedule.write", "/api/appointments", "appointment", NewVisit, _shown(visit_writes.create)),
    changes("schedule.write", "/api/appointments/{id}", "appointment", VisitChange, _shown(visit_writes.change)),
    changes(
        "schedule.write",
        "/api/appointments/{id}/cancel",
        "appointment",
        Cancellation,
        _shown(visit_writes.cancel),
        method="POST",
    ),
    Route("/api/slots", _slots("open", "slots"), methods=["GET"]),
    Route("/api/blocks", _slots("block", "blocks"), methods=["GET"]),
    creates("schedule.write", "/api/slots", "slot", NewSlot, _new_slot("open")),
    creates("schedule.write", "/api/blocks", "block", NewSlot, _new_slot("block")),
]
