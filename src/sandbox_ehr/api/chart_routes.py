"""The chart over JSON: patients, appointments, providers, locations and settings of the session's clinic."""

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr import refusals
from sandbox_ehr.api.appointment_shape import appointment_shape
from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.api.chart_work import read_schedule
from sandbox_ehr.api.resources import NoQuery
from sandbox_ehr.clinic import patients as patient_table
from sandbox_ehr.clinic import visits
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.patients import PatientQuery
from sandbox_ehr.clinic.practice import (
    CLINICS,
    REQUIRED_PATIENT_FIELDS,
    STATUS_PATHS,
    STATUSES,
    VISIT_TYPES,
    shift_of,
)
from sandbox_ehr.clinic.visits import VisitQuery
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.login.limits import SESSION_IDLE_SECONDS
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import query_parameters
from sandbox_ehr.responses import json_response

MAX_DAYS = 366


async def patients(request: Request) -> Response:
    session = await require_session(request, "patients.read")
    query = query_parameters(request, PatientQuery)
    total, found = await ehr_of(request).database.run(patient_table.find, session.clinic, query)
    return json_response({"patients": found, "total": total, "offset": query.offset, "limit": query.limit})


async def patient(request: Request) -> Response:
    session = await require_session(request, "patients.read")
    query_parameters(request, NoQuery)
    found = await ehr_of(request).database.run(patient_table.one, session.clinic, request.path_params["id"])
    if found is None:
        raise RequestRefused(refusals.not_found("patient"))
    return json_response({"patient": found})


async def appointments(request: Request) -> Response:
    session = await require_session(request, "schedule.read")
    query = query_parameters(request, VisitQuery)
    _check_days(query)
    total, shown = await read_schedule(request, session, _appointments, query)
    return json_response({"appointments": shown, "total": total, "offset": query.offset, "limit": query.limit})


async def appointment(request: Request) -> Response:
    session = await require_session(request, "schedule.read")
    query_parameters(request, NoQuery)
    return json_response(
        {"appointment": await read_schedule(request, session, _appointment, request.path_params["id"])}
    )


async def providers(request: Request) -> Response:
    session = await require_session(request, "schedule.read")
    query_parameters(request, NoQuery)
    clinic = CLINICS[session.clinic]
    shown = [
        {
            "id": provider.id,
            "first_name": provider.first_name,
            "last_name": provider.last_name,
            "title": provider.title,
            "specialty": provider.specialty,
            "npi": provider.npi,
            "active": provider.active,
            "timezone": clinic.timezone,
            "hours": [_hours(weekday, location) for weekday, location in provider.days.items()],
        }
        for provider in clinic.providers
    ]
    return json_response({"providers": shown})


async def locations(request: Request) -> Response:
    session = await require_session(request, "schedule.read")
    query_parameters(request, NoQuery)
    return json_response({"locations": CLINICS[session.clinic].locations})


async def settings(request: Request) -> Response:
    session = await require_session(request)
    query_parameters(request, NoQuery)
    clinic = CLINICS[session.clinic]
    return json_response(
        {
            "clinic": {"id": clinic.id, "name": clinic.name, "city": clinic.city, "phone": clinic.phone},
            "timezone": clinic.timezone,
            "visit_types": VISIT_TYPES,
            "visit_statuses": STATUSES,
            "status_paths": STATUS_PATHS,
            "required_patient_fields": REQUIRED_PATIENT_FIELDS,
            "session_idle_seconds": SESSION_IDLE_SECONDS,
        }
    )


def _hours(weekday: int, location: str) -> dict[str, Any]:
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in shift_of(weekday))
    return {"weekday": weekday + 1, "start": start, "end": end, "location_id": location}  # The API counts from 1.


def _check_days(query: VisitQuery) -> None:
    """Both days, and not too many; or none, if the query names one patient or a reference."""
    if query.start is None and query.end is None:
        if not (query.client_ref or query.patient_id or query.patient_mrn):
            raise RequestRefused(refusals.bad_request("Give start and end, or a patient, or a client_ref."))
    elif query.start is None or query.end is None or not 0 <= (query.end - query.start).days < MAX_DAYS:
        raise RequestRefused(refusals.bad_request(f"end must not be before start, and at most {MAX_DAYS} days in all."))


def _appointments(
    connection: sqlite3.Connection, context: ChartContext, query: VisitQuery
) -> tuple[int, list[dict[str, Any]]]:
    found = visits.find(connection, context.clinic, query, context.now)
    page, with_note = found[query.offset : query.offset + query.limit], query.include == "progress_note"
    return len(found), appointment_shape(connection, context, page, with_note=with_note)


def _appointment(connection: sqlite3.Connection, context: ChartContext, visit_id: str) -> dict[str, Any]:
    visit = visits.find_one(connection, context.clinic, visit_id, context.now)
    if visit is None:
        raise RequestRefused(refusals.not_found("appointment"))
    return appointment_shape(connection, context, [visit], with_note=True)[0]


routes = [
    Route("/api/patients", patients, methods=["GET"]),
    Route("/api/patients/{id}", patient, methods=["GET"]),
    Route("/api/appointments", appointments, methods=["GET"]),
    Route("/api/appointments/{id}", appointment, methods=["GET"]),
    Route("/api/providers", providers, methods=["GET"]),
    Route("/api/locations", locations, methods=["GET"]),
    Route("/api/settings", settings, methods=["GET"]),
]
