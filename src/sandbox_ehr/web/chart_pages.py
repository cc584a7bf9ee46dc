"""The pages that show the chart to a person: a day's schedule, the patients."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox_ehr.api.chart_routes import status_of
from sandbox_ehr.clinic import visits as chart
from sandbox_ehr.clinic.practice import CLINICS, STATUSES, VISIT_TYPES, Clinic
from sandbox_ehr.clinic.visits import VisitQuery, VisitRow
from sandbox_ehr.refusals import no_rights
from sandbox_ehr.requests import ehr_of, seen
from sandbox_ehr.web.rendering import browser_session, chart_page, long_date, page, short_time

PAGE = 25
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
        return _no_right(request, "schedule.read")
    ehr, clinic = ehr_of(request), CLINICS[session.clinic]
    now = ehr.clock.now()
    today = datetime.fromtimestamp(now, ZoneInfo(clinic.timezone)).date()
    day = _day(request.query_params.get("date", ""), today)
    found = await ehr.database.run(chart.find_visits, clinic, VisitQuery(start=day, end=day), now)
    return chart_page(
        request,
        session,
        "schedule.html",
        day=long_date(day),
        is_today=day == today,
        earlier=_neighbor(day, -1),
        later=_neighbor(day, 1),
        visits=[_shown(visit, clinic, now) for visit in found],
    )


async def patients(request: Request) -> Response:
    session = await browser_session(request)
    if session is None:
        return RedirectResponse("/", 303)
    if "patients.read" not in session.rights:
        return _no_right(request, "patients.read")
    try:
        search = msgspec.convert(dict(request.query_params), PatientSearch, strict=False)
    except msgspec.ValidationError:
        return RedirectResponse("/patients", 303)
    offset = max(0, min(search.page, 10**6) - 1) * PAGE
    total, found = await ehr_of(request).database.run(chart.search_patients, session.clinic, search.q, offset, PAGE)
    return chart_page(
        request,
        session,
        "patients.html",
        q=search.q,
        total=total,
        patients=found,
        first=offset + 1,
        last=offset + len(found),
        earlier=search.page - 1,
        later=search.page + 1 if offset + PAGE < total else 0,
    )


def _no_right(request: Request, right: str) -> Response:
    seen(request, "no_rights")
    return page("refused.html", 403, notice=no_rights(right))


def _day(text: str, today: date) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return today


def _neighbor(day: date, away: int) -> str:
    """The day before or after; at the ends of the calendar the same day."""
    try:
        return (day + timedelta(days=away)).isoformat()
    except OverflowError:
        return day.isoformat()


def _shown(visit: VisitRow, clinic: Clinic, now: float) -> dict[str, Any]:
    details = visit.details
    provider = next(one for one in clinic.providers if one.id == details.provider_id)
    location = next(one for one in clinic.locations if one.id == details.location_id)
    status = status_of(visit, now)
    return {
        "time": short_time(datetime.fromtimestamp(visit.starts_at, ZoneInfo(clinic.timezone))),
        "minutes": details.minutes,
        "patient": visit.patient,
        "type": _TYPES[details.type],
        "reason": details.reason,
        "provider": f"{provider.first_name} {provider.last_name}, {provider.title}",
        "place": "By video" if visit.mode == "video" else location.name,
        "status": _STATUSES[status],
        "code": status.replace("/", "").lower(),
    }


routes = [
    Route("/schedule", schedule, methods=["GET"]),
    Route("/patients", patients, methods=["GET"]),
]
