"""The user's part: sign in as on the portal, choose a patient where the app needs one, and consent scope by scope."""

import sqlite3
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients
from sandbox_ehr.clinic.made_up_patients import Patient
from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.grants import apps, waiting
from sandbox_ehr.grants.apps import App
from sandbox_ehr.grants.waiting import AuthorizationRequest
from sandbox_ehr.login import accounts, sessions
from sandbox_ehr.login.accounts import unsaved_account
from sandbox_ehr.login.sessions import Session
from sandbox_ehr.oauth.places import address_back
from sandbox_ehr.oauth.scopes import described, needs_patient, offered
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.web.forms import posted_form
from sandbox_ehr.web.rendering import page
from sandbox_ehr.web.sign_in_pages import Place, after_password, after_step, sign_in_page

PATIENTS_SHOWN = 25


async def begin(request: Request, app: App, asked: AuthorizationRequest) -> Response:
    """The sign-in page for a new request."""
    ehr = ehr_of(request)
    waiting_id = await ehr.database.run(waiting.add_request, ehr.clock.now(), asked)
    return sign_in_page(place=_place(request, app, asked, waiting_id))


async def log_in(request: Request) -> Response:
    form = await posted_form(request)
    app, asked = await pending(request, form)
    result = await after_password(request, form, _place(request, app, asked, form["waiting"]))
    return result if isinstance(result, Response) else await _opened(request, form, result.session)


async def next_step(request: Request) -> Response:
    form = await posted_form(request)
    app, asked = await pending(request, form)
    result = await after_step(request, form, _place(request, app, asked, form["waiting"]))
    return result if isinstance(result, Response) else await _opened(request, form, result.session)


async def choose_patient(request: Request) -> Response:
    """A search shows the picker again; a choice goes on."""
    form, ehr = await posted_form(request), ehr_of(request)
    app, asked = await pending(request, form)
    if not asked.username or asked.own_patient:
        raise RequestRefused(refusals.request_ended())
    if "patient" not in form:
        return await _picker(request, app, asked, form["waiting"], form.get("search", ""))
    chosen = await ehr.database.run(patients.require, asked.clinic, form["patient"], "patient")
    await ehr.database.run(waiting.take_request, ehr.clock.now(), form["waiting"])
    return await _go_on(request, app, msgspec.structs.replace(asked, patient_id=chosen.id))


async def signed_in(request: Request, app: App, asked: AuthorizationRequest, session: Session) -> Response:
    """The next page for somebody who is known now."""
    account = await ehr_of(request).database.run(accounts.find, session.username)
    account = account or unsaved_account(session.username)
    asked = msgspec.structs.replace(
        asked,
        username=session.username,
        user_id=account.id,
        user_name=account.name,
        clinic=session.clinic,
        rights=session.rights,
        own_patient=account.patient_id,
        patient_id=account.patient_id or asked.patient_id,
        signed_in_at=ehr_of(request).clock.now(),
    )
    return await _go_on(request, app, asked)


async def pending(request: Request, form: dict[str, str]) -> tuple[App, AuthorizationRequest]:
    """The request that a form belongs to. Raises RequestRefused if it has ended."""
    ehr = ehr_of(request)
    asked = await ehr.database.run(waiting.find_request, ehr.clock.now(), form.get("waiting", ""))
    app = await ehr.database.run(apps.find, asked.client_id) if asked else None
    if asked is None or app is None:
        raise RequestRefused(refusals.request_ended())
    return app, asked


async def _opened(request: Request, form: dict[str, str], secret: str) -> Response:
    """After a sign-in for an app there is no session of the portal, and the request has a new id: whoever prepared the
    page knows only the old one."""
    ehr = ehr_of(request)
    app, asked = await pending(request, form)
    session = await ehr.database.run(sessions.use_session, secret, ehr.clock.now())
    if session is None:
        return sign_in_page(401, notice=refusals.session_expired(), place=_place(request, app, asked, form["waiting"]))
    await ehr.database.run(sessions.end_session, secret)
    await ehr.database.run(waiting.take_request, ehr.clock.now(), form["waiting"])
    return await signed_in(request, app, asked, session)


async def _go_on(request: Request, app: App, asked: AuthorizationRequest) -> Response:
    ehr = ehr_of(request)
    waiting_id = await ehr.database.run(waiting.add_request, ehr.clock.now(), asked)
    scopes = _offered(request, app, asked)
    if needs_patient(scopes) and not asked.patient_id and "launch" not in scopes and ehr.twin.names_patient:
        return await _picker(request, app, asked, waiting_id, "")
    patient = await ehr.database.run(patients.one, asked.clinic, asked.patient_id) if asked.patient_id else None
    shown = [{"text": text, "words": described(text)} for text in scopes]
    response = page("consent.html", app=app, asked=asked, patient=patient, scopes=shown, waiting=waiting_id)
    response.headers["content-security-policy"] = policy_to(asked.redirect_uri)
    return response


def policy_to(*addresses: str) -> str:
    """A browser counts the redirect after a form as a target of the form (CSP level 3, form-action)."""
    targets = " ".join(sorted({f"{part.scheme}://{part.netloc}" for part in map(urlsplit, addresses)}))
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {targets}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def _offered(request: Request, app: App, asked: AuthorizationRequest) -> list[str]:
    is_launch = bool(asked.patient_id or asked.encounter_id) and not asked.own_patient
    return offered(asked.scopes, app, ehr_of(request).twin, asked.own_patient, is_launch=is_launch)


async def _picker(request: Request, app: App, asked: AuthorizationRequest, waiting_id: str, search: str) -> Response:
    found = await ehr_of(request).database.run(_search, asked.clinic, search)
    return page("choose_patient.html", app=app, patients=found, waiting=waiting_id, search=search)


def _search(connection: sqlite3.Connection, clinic: str, text: str) -> list[Patient]:
    return patients.search(connection, CLINICS[clinic].id, text, 0, PATIENTS_SHOWN)[1]


def _place(request: Request, app: App, asked: AuthorizationRequest, waiting_id: str) -> Place:
    cancel = address_back(request, asked.redirect_uri, {"error": "access_denied"}, asked.state)
    return Place("/oauth/sign-in", waiting_id, app.title, cancel)
