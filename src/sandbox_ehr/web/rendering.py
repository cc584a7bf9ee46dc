"""What the EHR's pages share: templates, the browser's session cookie, and the guard against other sites' forms."""

from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.login import accounts
from sandbox_ehr.login.accounts import Session
from sandbox_ehr.refusals import Refusal, Refused
from sandbox_ehr.requests import MAX_BODY, ehr_of, seen

COOKIE = "sandbox_ehr_session"
_templates = Environment(loader=PackageLoader("sandbox_ehr.web"), autoescape=True, undefined=StrictUndefined)


def page(name: str, status: int = 200, /, **values: Any) -> Response:
    return HTMLResponse(_templates.get_template(name).render(session=None, **values), status)


def chart_page(request: Request, session: Session, name: str, **values: Any) -> Response:
    """A page for somebody who is signed in: with the clinic's name and the EHR's time at the top."""
    clinic = CLINICS[session.clinic]
    now = datetime.fromtimestamp(ehr_of(request).clock.now(), ZoneInfo(clinic.timezone))
    clock = f"{long_date(now.date())}, {short_time(now)}"
    return HTMLResponse(_templates.get_template(name).render(session=session, clinic=clinic, clock=clock, **values))


async def browser_session(request: Request) -> Session | None:
    """The session of the cookie if it is still open."""
    ehr = ehr_of(request)
    session = await ehr.database.run(accounts.use_session, request.cookies.get(COOKIE, ""), ehr.clock.now())
    if session is not None:
        seen(request, "", session.username)
    return session


async def form_of(request: Request) -> dict[str, str]:
    """The posted form; one that another site's page sent is refused."""
    if not _from_own_page(request):
        raise Refused(Refusal("other_site", 403, "This form was sent by another site's page."))
    text = bytearray()
    async for chunk in request.stream():
        text += chunk
        if len(text) > MAX_BODY:
            raise Refused(Refusal("too_large", 413, f"A body has at most {MAX_BODY} bytes."))
    return dict(parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20))


def long_date(day: date) -> str:
    return f"{day:%A, %B} {day.day}, {day.year}"


def short_time(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12}:{moment:%M %p}"


def _from_own_page(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
