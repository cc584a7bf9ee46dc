"""Signing in over JSON: `POST /api/login` and the steps after it, signing out, and who is signed in."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.log import note_outcome, note_sign_in
from sandbox_ehr.login import accounts, passwords, sign_in
from sandbox_ehr.login.accounts import Account, unsaved_account
from sandbox_ehr.login.challenges import challenge_members
from sandbox_ehr.login.limits import SESSION_IDLE_SECONDS
from sandbox_ehr.login.results import Challenge, SessionOpened, SignInResult
from sandbox_ehr.login.sessions import end_session
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import bearer_token, json_body
from sandbox_ehr.responses import json_response, refusal_response


class Credentials(msgspec.Struct):
    username: str
    password: str


class WayAnswer(msgspec.Struct):
    challenge: str
    way: str


class CodeAnswer(msgspec.Struct):
    challenge: str
    code: str


class ClinicAnswer(msgspec.Struct):
    challenge: str
    clinic: str


class ChallengeOnly(msgspec.Struct):
    """The body of a step that needs no answer: send again, poll a push."""

    challenge: str


class PasswordChange(msgspec.Struct):
    username: str
    password: str
    new_password: str


async def log_in(request: Request) -> Response:
    body = await json_body(request, Credentials)
    ehr = ehr_of(request)
    note_outcome(request, "", body.username)
    ehr.log.counts["login_attempts"] += 1
    result = await ehr.database.run(sign_in.log_in, ehr.clock.now(), body.username, body.password)
    return _sign_in_response(request, result)


async def log_out(request: Request) -> Response:
    session = await require_session(request)
    ehr = ehr_of(request)
    await ehr.database.run(end_session, bearer_token(request))
    ehr.log.counts["logouts"] += 1
    note_outcome(request, "logged_out", session.username)
    return json_response({"ok": True})


async def who_am_i(request: Request) -> Response:
    session = await require_session(request)
    # A session on demand belongs to a user that the file need not know.
    account = await ehr_of(request).database.run(accounts.find, session.username) or unsaved_account(session.username)
    account = msgspec.structs.replace(account, rights=session.rights)
    return json_response(_user_and_clinic(account, session.clinic))


async def change_password(request: Request) -> Response:
    body = await json_body(request, PasswordChange)
    ehr = ehr_of(request)
    note_outcome(request, "password_changed", body.username)
    refusal = await ehr.database.run(
        passwords.change_password, ehr.clock.now(), body.username, body.password, body.new_password
    )
    # Raised only here, after the transaction: inside it, the exception would undo the count of wrong passwords.
    if refusal is not None:
        raise RequestRefused(refusal)
    return json_response({"ok": True})


def _next_step(
    shape: type, step: Callable[..., SignInResult], *fields: str
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a step after the password: it reads a body of that shape and passes on those fields."""

    async def endpoint(request: Request) -> Response:
        body = await json_body(request, shape)
        ehr = ehr_of(request)
        answers = [getattr(body, field) for field in fields]
        return _sign_in_response(request, await ehr.database.run(step, ehr.clock.now(), body.challenge, *answers))

    return endpoint


def _sign_in_response(request: Request, result: SignInResult) -> Response:
    ehr = ehr_of(request)
    note_sign_in(request, ehr.log, result)
    match result:
        case SessionOpened():
            identity = _user_and_clinic(result.account, result.clinic)
            return json_response({"session": result.session, "expires_in": SESSION_IDLE_SECONDS, **identity})
        case Challenge():
            return json_response({"challenge": challenge_members(result, ehr.clock.now())})
        case refusal:
            return refusal_response(refusal)


def _user_and_clinic(account: Account, clinic_id: str) -> dict[str, Any]:
    clinic = CLINICS[clinic_id]
    return {
        "user": {
            "id": account.id,
            "username": account.username,
            "name": account.name,
            "role": account.role,
            "rights": account.rights,
        },
        "clinic": {"id": clinic.id, "name": clinic.name, "city": clinic.city, "timezone": clinic.timezone},
    }


routes = [
    Route("/api/login", log_in, methods=["POST"]),
    Route("/api/login/way", _next_step(WayAnswer, sign_in.choose_way, "way"), methods=["POST"]),
    Route("/api/login/code", _next_step(CodeAnswer, sign_in.answer_code, "code"), methods=["POST"]),
    Route("/api/login/resend", _next_step(ChallengeOnly, sign_in.send_again), methods=["POST"]),
    Route("/api/login/push", _next_step(ChallengeOnly, sign_in.poll_push), methods=["POST"]),
    Route("/api/login/clinic", _next_step(ClinicAnswer, sign_in.choose_clinic, "clinic"), methods=["POST"]),
    Route("/api/logout", log_out, methods=["POST"]),
    Route("/api/me", who_am_i, methods=["GET"]),
    Route("/api/password", change_password, methods=["POST"]),
]
