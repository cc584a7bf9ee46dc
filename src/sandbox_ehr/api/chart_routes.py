"""The chart over JSON: patients, appointments, providers, locations and settings of the session's clinic."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr import refusals
from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.clinic import patients as patient_table
from sandbox_ehr.clinic import visits
from sandbox_ehr.clinic.patients import PatientQuery
from sandbox_ehr.clinic.practice import CLINICS, REQUIRED_PATIENT_FIELDS, STATUSES, VISIT_TYPES, Clinic, shift_of
from sandbox_ehr.clinic.visits import Visit, VisitQuery
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.login.limits import SESSION_IDLE_SECONDS
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import query_parameters
from sandbox_ehr.responses import json_response

MAX_DAYS = 366


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a call that takes no parameters."""


async def patients(request: Request) -> Response:
    session = await require_session(request, "patients.read")
    query = query_parameters(request, PatientQuery)
    total, found = await ehr_of(request).database.run(patient_table.find, session.clinic, query)
    return json_response({"patients": found, "total": total, "offset": query.offset, "limit": query.limit})


async def appointments(request: Request) -> Response:
    session = await require_session(request, "schedule.read")
    query = query_parameters(request, VisitQuery)
    if not 0 <= (query.end - query.start).days < MAX_DAYS:
        raise RequestRefused(refusals.bad_request(f"end must not be before start, and at most {MAX_DAYS} days in all."))
    ehr, clinic = ehr_of(request), CLINICS[session.clinic]
    now = ehr.clock.now()
    found = await ehr.database.run(visits.find, clinic, query, now)
    page = found[query.offset : query.offset + query.limit]
    shown = [_appointment(visit, clinic, now, with_note=query.include == "progress_note") for visit in page]
    return json_response({"appointments": shown, "total": len(found), "offset": query.offset, "limit": query.limit})


async def appointment(request: Request) -> Response:
    session = await require_session(request, "schedule.read")
    query_parameters(request, NoQuery)
    ehr, clinic = ehr_of(request), CLINICS[session.clinic]
    now = ehr.clock.now()
    visit = await ehr.database.run(visits.find_one, clinic, request.path_params["id"], now)
    if visit is None:
        raise RequestRefused(refusals.not_found("appointment"))
    return json_response({"appointment": _appointment(visit, clinic, now, with_note=True)})


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
            "required_patient_fields": REQUIRED_PATIENT_FIELDS,
            "session_idle_seconds": SESSION_IDLE_SECONDS,
        }
    )


def _hours(weekday: int, location: str) -> dict[str, Any]:
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in shift_of(weekday))
    return {"weekday": weekday + 1, "start": start, "end": end, "location_id": location}  # The API counts from 1.


def _appointment(visit: Visit, clinic: Clinic, now: float, *, with_note: bool) -> dict[str, Any]:
    """A visit as the API sends it. Times are in the clinic's time zone, with their offset."""
    patient, details = visit.patient, visit.details
    status = visit.status_at(now)
    shown: dict[str, Any] = {
        "id": visit.id,
        "start": datetime.fromtimestamp(visit.starts_at, ZoneInfo(clinic.timezone)).isoformat(timespec="seconds"),
        "status": status,
        "mode": visit.mode,
        "patient": {
            "id": patient.id,
            "mrn": patient.mrn,
            "first_name": patient.first_name,
            "last_name": patient.last_name,
            "dob": patient.dob,
            "sex": patient.sex,
            "phone": patient.phones.mobile or patient.phones.home,
        },
        **msgspec.structs.asdict(details),
        "insurance": patient.insurance,
    }
    # Notes and diagnoses are made up with the visit, but nobody can have written them before it is over.
    over = status == "DONE"
    shown["diagnoses"] = details.diagnoses if over else ()
    shown.pop("progress_note")
    if with_note:
        shown["progress_note"] = details.progress_note if over else ""
    return shown


routes = [
    Route("/api/patients", patients, methods=["GET"]),
    Route("/api/appointments", appointments, methods=["GET"]),
    Route("/api/appointments/{id}", appointment, methods=["GET"]),
    Route("/api/providers", providers, methods=["GET"]),
    Route("/api/locations", locations, methods=["GET"]),
    Route("/api/settings", settings, methods=["GET"]),
]
