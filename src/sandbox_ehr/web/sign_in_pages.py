"""The pages on which a person signs in, step by step, and signs out."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox_ehr import refusals
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.log import note_outcome, note_sign_in
from sandbox_ehr.login import sign_in
from sandbox_ehr.login.challenges import challenge_members
from sandbox_ehr.login.results import Challenge, SessionOpened, SignInResult
from sandbox_ehr.login.sandbox_logins import LOGINS, PASSWORD
from sandbox_ehr.refusals import ERROR_CODES, Refusal, RequestRefused
from sandbox_ehr.responses import refusal_response
from sandbox_ehr.web.browser_session import browser_session, end_browser_session, set_session
from sandbox_ehr.web.forms import posted_form
from sandbox_ehr.web.rendering import page


class Place(msgspec.Struct, frozen=True):
    """Where the forms of a sign-in go. `waiting` is the request of an app that the sign-in is for, `app` its name."""

    action: str = "/sign-in"
    waiting: str = ""
    app: str = ""
    cancel: str = ""


PORTAL = Place()
# The name of a step in the path: what does it, and the form fields that it needs besides the challenge.
STEPS: dict[str, tuple[Callable[..., SignInResult], tuple[str, ...]]] = {
    "way": (sign_in.choose_way, ("way",)),
    "code": (sign_in.answer_code, ("code",)),
    "resend": (sign_in.send_again, ()),
    "push": (sign_in.poll_push, ()),
    "clinic": (sign_in.choose_clinic, ("clinic",)),
}
# After these refusals the sign-in goes on, so the person sees the same step again and not the start.
SIGN_IN_GOES_ON = ("wrong_code", "code_expired", "push_denied", "push_expired", "resend_too_soon")


async def front_page(request: Request) -> Response:
    if await browser_session(request) is not None:
        return RedirectResponse("/schedule", 303)
    return sign_in_page()


async def log_in(request: Request) -> Response:
    return _entered(await after_password(request, await posted_form(request)))


async def next_step(request: Request) -> Response:
    return _entered(await after_step(request, await posted_form(request)))


async def after_password(request: Request, form: dict[str, str], place: Place = PORTAL) -> SessionOpened | Response:
    """The session, or the page that comes before it."""
    ehr, username = ehr_of(request), form.get("username", "")
    note_outcome(request, "", username)
    ehr.log.counts["login_attempts"] += 1
    result = await ehr.database.run(sign_in.log_in, ehr.clock.now(), username, form.get("password", ""))
    return _shown(request, result, username, place)


async def after_step(request: Request, form: dict[str, str], place: Place = PORTAL) -> SessionOpened | Response:
    """The same for a later step, which the path names."""
    ehr, name = ehr_of(request), request.path_params["step"]
    if name not in STEPS:
        raise RequestRefused(refusals.not_found("step"))
    step, fields = STEPS[name]
    challenge_id = form.get("challenge", "")
    answers = [form.get(field, "") for field in fields]
    result = await ehr.database.run(step, ehr.clock.now(), challenge_id, *answers)
    if isinstance(result, Refusal) and result.error in SIGN_IN_GOES_ON:
        note_sign_in(request, ehr.log, result)
        challenge = await ehr.database.run(sign_in.current_challenge, ehr.clock.now(), challenge_id)
        return _challenge_page(request, challenge, place, notice=result)
    return _shown(request, result, "", place)


async def log_out(request: Request) -> Response:
    await posted_form(request)  # Refuses another site's form, which could otherwise sign the person out.
    response = RedirectResponse("/", 303)
    await end_browser_session(request, response)
    return response


def sign_in_page(
    status: int = 200,
    *,
    username: str = "",
    notice: Refusal | None = None,
    done: str = "",
    place: Place = PORTAL,
) -> Response:
    """`notice` says what went wrong, `done` what went well."""
    shown: dict[str, Any] = {"username": username, "notice": notice, "done": done, "place": place}
    return page("sign_in.html", status, logins=LOGINS, password=PASSWORD, error_codes=ERROR_CODES, **shown)


def _entered(result: SessionOpened | Response) -> Response:
    if isinstance(result, Response):
        return result
    response = RedirectResponse("/schedule", 303)
    set_session(response, result.session)
    return response


def _shown(request: Request, result: SignInResult, username: str, place: Place) -> SessionOpened | Response:
    note_sign_in(request, ehr_of(request).log, result)
    match result:
        case SessionOpened():
            return result
        case Challenge():
            return _challenge_page(request, result, place)
        case refusal if refusal.page is not None:
            return refusal_response(refusal)
        case refusal:
            return sign_in_page(refusal.status, username=username, notice=refusal, place=place)


def _challenge_page(request: Request, challenge: Challenge, place: Place, notice: Refusal | None = None) -> Response:
    members = challenge_members(challenge, ehr_of(request).clock.now())
    return page("challenge.html", challenge=members, notice=notice, place=place)


routes = [
    Route("/", front_page, methods=["GET"]),
    Route("/sign-in", log_in, methods=["POST"]),
    Route("/sign-in/{step}", next_step, methods=["POST"]),
    Route("/sign-out", log_out, methods=["POST"]),
]
