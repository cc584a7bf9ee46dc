"""The pages that show the chart to a person: the schedule of a day, and the patients."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox_ehr.clinic import patients as patient_table
from sandbox_ehr.clinic import visits
from sandbox_ehr.clinic.practice import CLINICS, STATUSES, VISIT_TYPES, Clinic
from sandbox_ehr.clinic.visits import Visit, VisitQuery
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.refusals import no_rights
from sandbox_ehr.web.browser_session import browser_session
from sandbox_ehr.web.rendering import chart_page, long_date, page, short_time

PATIENTS_PER_PAGE = 25
LAST_PAGE = 10**6  # An offset much larger than this does not fit into SQLite's integers.
_TYPES = {kind.code: kind.description for kind in VISIT_TYPES}
_STATUSES = {status.code: status.description for status in STATUSES}


class PatientSearch(msgspec.Struct):
    q: str = ""
    page: int = 1


async def schedule(request: Request) -> Response:
    session = await browser_session(request)
    if session is None:
        return RedirectResponse("/", 303)
    if "schedule.read" not in session.rights:
        return _refuse(request, "schedule.read")
    ehr, clinic = ehr_of(request), CLINICS[session.clinic]
    now = ehr.clock.now()
    today = datetime.fromtimestamp(now, ZoneInfo(clinic.timezone)).date()
    day = _day(request.query_params.get("date", ""), today)
    found = await ehr.database.run(visits.find, clinic, VisitQuery(start=day, end=day), now)
    return chart_page(
        request,
        session,
        "schedule.html",
        day=long_date(day),
        is_today=day == today,
        previous=_shifted(day, -1),
        next=_shifted(day, 1),
        visits=[_schedule_row(visit, clinic, now) for visit in found],
    )


async def patients(request: Request) -> Response:
    session = await browser_session(request)
    if session is None:
        return RedirectResponse("/", 303)
    if "patients.read" not in session.rights:
        return _refuse(request, "patients.read")
    try:
        search = msgspec.convert(dict(request.query_params), PatientSearch, strict=False)
    except msgspec.ValidationError:
        # A person gets the first page for an address with a typo. The API refuses such a query.
        return RedirectResponse("/patients", 303)
    offset = max(0, min(search.page, LAST_PAGE) - 1) * PATIENTS_PER_PAGE
    total, found = await ehr_of(request).database.run(
        patient_table.search, session.clinic, search.q, offset, PATIENTS_PER_PAGE
    )
    return chart_page(
        request,
        session,
        "patients.html",
        q=search.q,
        total=total,
        patients=found,
        first=offset + 1,
        last=offset + len(found),
        previous=search.page - 1,
        next=search.page + 1 if offset + PATIENTS_PER_PAGE < total else 0,
    )


def _refuse(request: Request, right: str) -> Response:
    note_outcome(request, "no_rights")
    return page("refused.html", 403, notice=no_rights(right))


def _day(text: str, today: date) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return today


def _shifted(day: date, away: int) -> str:
    """The day before or after. At both ends of Python's calendar, the same day."""
    try:
        return (day + timedelta(days=away)).isoformat()
    except OverflowError:
        return day.isoformat()


def _schedule_row(visit: Visit, clinic: Clinic, now: float) -> dict[str, Any]:
    details = visit.details
    provider = next(each for each in clinic.providers if each.id == details.provider_id)
    location = next(each for each in clinic.locations if each.id == details.location_id)
    status = visit.status_at(now)
    return {
        "time": short_time(datetime.fromtimestamp(visit.starts_at, ZoneInfo(clinic.timezone))),
        "minutes": details.minutes,
        "patient": visit.patient,
        "type": _TYPES[details.type],
        "reason": details.reason,
        "provider": f"{provider.first_name} {provider.last_name}, {provider.title}",
        "location": "By video" if visit.mode == "video" else location.name,
        "status": _STATUSES[status],
        "css_class": status.replace("/", "").lower(),  # R/S is no name for a class.
    }


routes = [
    Route("/schedule", schedule, methods=["GET"]),
    Route("/patients", patients, methods=["GET"]),
]
