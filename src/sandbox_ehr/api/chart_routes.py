"""The chart over JSON: patients, appointments, providers, locations, settings of the session's clinic."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr import refusals
from sandbox_ehr.clinic import visits as chart
from sandbox_ehr.clinic.practice import CLINICS, REQUIRED_PATIENT_FIELDS, STATUSES, VISIT_TYPES, Clinic, shift_of
from sandbox_ehr.clinic.visits import PatientQuery, VisitQuery, VisitRow
from sandbox_ehr.login.accounts import IDLE_SECONDS
from sandbox_ehr.refusals import Refused
from sandbox_ehr.requests import answer, ehr_of, query_of, session_of

MAX_DAYS = 366


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A path that takes no parameters."""


async def patients(request: Request) -> Response:
    session = await session_of(request, "patients.read")
    query = query_of(request, PatientQuery)
    total, found = await ehr_of(request).database.run(chart.find_patients, session.clinic, query)
    return answer({"patients": found, "total": total, "offset": query.offset, "limit": query.limit})


async def appointments(request: Request) -> Response:
    session = await session_of(request, "schedule.read")
    query = query_of(request, VisitQuery)
    if not 0 <= (query.end - query.start).days < MAX_DAYS:
        raise Refused(refusals.bad_request(f"end is start or later, at most {MAX_DAYS} days in all."))
    ehr, clinic = ehr_of(request), CLINICS[session.clinic]
    now = ehr.clock.now()
    found = await ehr.database.run(chart.find_visits, clinic, query, now)
    page = found[query.offset : query.offset + query.limit]
    shown = [visit_json(visit, clinic, now, with_note=query.include == "progress_note") for visit in page]
    return answer({"appointments": shown, "total": len(found), "offset": query.offset, "limit": query.limit})


async def appointment(request: Request) -> Response:
    session = await session_of(request, "schedule.read")
    query_of(request, NoQuery)
    ehr, clinic = ehr_of(request), CLINICS[session.clinic]
    now = ehr.clock.now()
    visit = await ehr.database.run(chart.find_visit, clinic, request.path_params["id"], now)
    if visit is None:
        raise Refused(refusals.not_found("appointment"))
    return answer({"appointment": visit_json(visit, clinic, now, with_note=True)})


async def providers(request: Request) -> Response:
    session = await session_of(request, "schedule.read")
    query_of(request, NoQuery)
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
            "hours": [_shift(day, location) for day, location in provider.days.items()],
        }
        for provider in clinic.providers
    ]
    return answer({"providers": shown})


async def locations(request: Request) -> Response:
    session = await session_of(request, "schedule.read")
    query_of(request, NoQuery)
    return answer({"locations": CLINICS[session.clinic].locations})


async def settings(request: Request) -> Response:
    session = await session_of(request)
    query_of(request, NoQuery)
    clinic = CLINICS[session.clinic]
    return answer(
        {
            "clinic": {"id": clinic.id, "name": clinic.name, "city": clinic.city, "phone": clinic.phone},
            "timezone": clinic.timezone,
            "visit_types": VISIT_TYPES,
            "visit_statuses": STATUSES,
            "required_patient_fields": REQUIRED_PATIENT_FIELDS,
            "session_idle_seconds": IDLE_SECONDS,
        }
    )


def _shift(day: int, location: str) -> dict[str, Any]:
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in shift_of(day))
    return {"weekday": day + 1, "start": start, "end": end, "location_id": location}


def visit_json(visit: VisitRow, clinic: Clinic, now: float, *, with_note: bool) -> dict[str, Any]:
    """A visit as the API shows it, times in the clinic's zone with their offset."""
    patient, details = visit.patient, visit.details
    status = status_of(visit, now)
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
    over = status == "DONE"
    shown["diagnoses"] = details.diagnoses if over else ()
    shown.pop("progress_note")
    if with_note:
        shown["progress_note"] = details.progress_note if over else ""
    return shown


def status_of(visit: VisitRow, now: float) -> str:
    if now < visit.starts_at or visit.plan in ("CANC", "R/S"):
        return visit.plan
    return visit.outcome if now >= visit.ends_at or visit.outcome == "NOSHOW" else "CHKIN"


routes = [
    Route("/api/patients", patients, methods=["GET"]),
    Route("/api/appointments", appointments, methods=["GET"]),
    Route("/api/appointments/{id}", appointment, methods=["GET"]),
    Route("/api/providers", providers, methods=["GET"]),
    Route("/api/locations", locations, methods=["GET"]),
    Route("/api/settings", settings, methods=["GET"]),
]
