"""The sign-in over JSON: POST /api/login and its follow-ups, log-out, and who is signed in."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.login import accounts, sign_in
from sandbox_ehr.login.accounts import IDLE_SECONDS, Account
from sandbox_ehr.login.second_steps import CODE_SECONDS, PUSH_SECONDS, RESEND_SECONDS, WAYS, Opened, Step, Waiting
from sandbox_ehr.refusals import Refusal, Refused
from sandbox_ehr.requests import answer, body_of, ehr_of, refuse, secret_of, seen, session_of

HINTS = {"text": "34", "email": "m•••••@riverside.example", "app": "", "push": "34"}

SENT = {"text": "texts_sent", "email": "emails_sent", "push": "pushes_sent"}


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


class Continue(msgspec.Struct):
    challenge: str


class PasswordChange(msgspec.Struct):
    username: str
    password: str
    new_password: str


async def log_in(request: Request) -> Response:
    who = await body_of(request, Credentials)
    ehr = ehr_of(request)
    seen(request, "", who.username)
    ehr.log.counts["login_attempts"] += 1
    step = await ehr.database.run(sign_in.log_in, ehr.clock.now(), who.username, who.password)
    return told(request, step)


async def log_out(request: Request) -> Response:
    session = await session_of(request)
    ehr = ehr_of(request)
    await ehr.database.run(accounts.close_session, secret_of(request))
    ehr.log.counts["logouts"] += 1
    seen(request, "logged_out", session.username)
    return answer({"ok": True})


async def who_am_i(request: Request) -> Response:
    session = await session_of(request)
    account = await ehr_of(request).database.run(accounts.find, session.username)
    account = account or accounts.stranger(session.username)
    return answer(_identity(msgspec.structs.replace(account, rights=session.rights), session.clinic))


async def change_password(request: Request) -> Response:
    change = await body_of(request, PasswordChange)
    ehr = ehr_of(request)
    seen(request, "password_changed", change.username)
    refusal = await ehr.database.run(
        sign_in.change_password, ehr.clock.now(), change.username, change.password, change.new_password
    )
    if refusal is not None:
        raise Refused(refusal)
    return answer({"ok": True})


def told(request: Request, step: Step) -> Response:
    """One step of a sign-in as JSON, noted in the log."""
    match note(request, step):
        case Opened() as opened:
            return answer(
                {"session": opened.session, "expires_in": IDLE_SECONDS, **_identity(opened.account, opened.clinic)}
            )
        case Waiting() as waiting:
            return answer({"challenge": challenge_of(waiting, ehr_of(request).clock.now())})
        case refusal:
            return refuse(refusal)


def note(request: Request, step: Step) -> Step:
    counts = ehr_of(request).log.counts
    match step:
        case Refusal():
            seen(request, step.error)
        case Opened():
            counts["logins"] += 1
            seen(request, "session", step.account.username)
        case Waiting():
            if step.sent:
                counts[SENT[step.sent]] += 1
            seen(request, f"challenge:{step.sign_in.kind}", step.account.username)
    return step


def challenge_of(waiting: Waiting, now: float) -> dict[str, Any]:
    """What the EHR wants next; see docs/reference/sandbox-ehr.md for each kind."""
    kind, state = waiting.sign_in.kind, waiting.sign_in
    facts: dict[str, Any] = {"id": waiting.challenge, "kind": kind}
    if kind == "way":
        facts["ways"] = [{"way": way, "hint": HINTS[way]} for way in WAYS]
    elif kind == "clinic":
        clinics = [CLINICS[clinic] for clinic in waiting.account.clinics]
        facts["clinics"] = [{"id": clinic.id, "name": clinic.name, "city": clinic.city} for clinic in clinics]
    elif kind == "push":
        facts |= {"number": state.number, "hint": HINTS["push"], "expires_in": _left(state.sent_at + PUSH_SECONDS, now)}
    elif kind == "code":
        facts |= {"way": state.way, "hint": HINTS[state.way], "digits": 6, "tries_left": state.tries_left}
        if state.way != "app":
            facts["expires_in"] = _left(state.sent_at + CODE_SECONDS, now)
            facts["resend_in"] = _left(state.sent_at + RESEND_SECONDS, now)
    return facts


def _identity(account: Account, clinic: str) -> dict[str, Any]:
    place = CLINICS[clinic]
    return {
        "user": {
            "id": account.id,
            "username": account.username,
            "name": account.name,
            "role": account.role,
            "rights": account.rights,
        },
        "clinic": {"id": place.id, "name": place.name, "city": place.city, "timezone": place.timezone},
    }


def _left(until: float, now: float) -> int:
    return max(0, round(until - now))


def _follow_up(shape: type, work: Callable[..., Step], *fields: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        given = await body_of(request, shape)
        ehr = ehr_of(request)
        values = [getattr(given, field) for field in fields]
        return told(request, await ehr.database.run(work, ehr.clock.now(), given.challenge, *values))

    return endpoint


routes = [
    Route("/api/login", log_in, methods=["POST"]),
    Route("/api/login/way", _follow_up(WayAnswer, sign_in.choose_way, "way"), methods=["POST"]),
    Route("/api/login/code", _follow_up(CodeAnswer, sign_in.answer_code, "code"), methods=["POST"]),
    Route("/api/login/resend", _follow_up(Continue, sign_in.send_again), methods=["POST"]),
    Route("/api/login/push", _follow_up(Continue, sign_in.poll_push), methods=["POST"]),
    Route("/api/login/clinic", _follow_up(ClinicAnswer, sign_in.choose_clinic, "clinic"), methods=["POST"]),
    Route("/api/logout", log_out, methods=["POST"]),
    Route("/api/me", who_am_i, methods=["GET"]),
    Route("/api/password", change_password, methods=["POST"]),
]
