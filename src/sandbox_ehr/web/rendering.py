"""Renders the pages: those for everybody, and those for somebody who is signed in."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.login.sessions import Session

_templates = Environment(loader=PackageLoader("sandbox_ehr.web"), autoescape=True, undefined=StrictUndefined)


def page(name: str, status: int = 200, /, **values: Any) -> Response:
    """A page for somebody who is not signed in."""
    return HTMLResponse(_templates.get_template(name).render(session=None, **values), status)


def chart_page(request: Request, session: Session, name: str, **values: Any) -> Response:
    """A page for somebody who is signed in, with the clinic's name and the EHR's time at the top."""
    clinic = CLINICS[session.clinic]
    # The EHR's clock, which a test may have moved: the page has to agree with the schedule on what today is.
    now = datetime.fromtimestamp(ehr_of(request).clock.now(), ZoneInfo(clinic.timezone))
    clock = f"{long_date(now.date())}, {short_time(now)}"
    return HTMLResponse(_templates.get_template(name).render(session=session, clinic=clinic, clock=clock, **values))


def long_date(day: date) -> str:
    return f"{day:%A, %B} {day.day}, {day.year}"


def short_time(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12}:{moment:%M %p}"
