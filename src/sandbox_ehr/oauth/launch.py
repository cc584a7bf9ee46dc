"""The page from which a signed-in user starts an app for the patient who is open (SMART App Launch 2.2, EHR launch)."""

import sqlite3
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.grants import apps, waiting
from sandbox_ehr.grants.waiting import Launch
from sandbox_ehr.login.sessions import Session
from sandbox_ehr.oauth.authorize import LAUNCH_COOKIE
from sandbox_ehr.oauth.places import places_of
from sandbox_ehr.oauth.sign_in import policy_to
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.web.browser_session import COOKIE, browser_session
from sandbox_ehr.web.forms import posted_form
from sandbox_ehr.web.rendering import chart_page


async def launch_page(request: Request) -> Response:
    session = await browser_session(request)
    if session is None:
        return RedirectResponse("/", 303)
    found = [app for app in await ehr_of(request).database.run(apps.every) if app.launch_url and app.enabled]
    response = chart_page(request, session, "launch.html", apps=found, patient=request.query_params.get("patient", ""))
    response.headers["content-security-policy"] = policy_to(*(app.launch_url for app in found))
    return response


async def launch(request: Request) -> Response:
    form, session, ehr = await posted_form(request), await browser_session(request), ehr_of(request)
    if session is None:
        return RedirectResponse("/", 303)
    app = await ehr.database.run(apps.find, form.get("app", ""))
    if app is None or not app.launch_url:
        raise RequestRefused(refusals.unknown_app())
    patient = form.get("patient", "").strip()
    launch_id = await ehr.database.run(_started, ehr.clock.now(), session, app.client_id, patient)
    query = urlencode({"iss": places_of(request).fhir, "launch": launch_id})
    response = RedirectResponse(f"{app.launch_url}{'&' if urlsplit(app.launch_url).query else '?'}{query}", 303)
    # The session's own cookie is not sent when another site sends the browser back, so this one stands in for it.
    response.set_cookie(
        LAUNCH_COOKIE, request.cookies.get(COOKIE, ""), httponly=True, samesite="lax", max_age=waiting.LAUNCH_SECONDS
    )
    return response


def _started(connection: sqlite3.Connection, now: float, session: Session, client_id: str, patient_id: str) -> str:
    patients.require(connection, session.clinic, patient_id, "patient")
    launch = Launch(client_id=client_id, username=session.username, clinic=session.clinic, patient_id=patient_id)
    return waiting.add_launch(connection, now, launch)
