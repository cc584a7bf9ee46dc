"""The pages on which a person signs in to the EHR, step by step, and changes a password."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox_ehr import refusals
from sandbox_ehr.api.login_routes import challenge_of, note
from sandbox_ehr.login import accounts, sign_in
from sandbox_ehr.login.accounts import LOGINS, PASSWORD
from sandbox_ehr.login.second_steps import Opened, Step
from sandbox_ehr.refusals import ERROR_CODES, Refusal, Refused
from sandbox_ehr.requests import ehr_of, refuse, seen
from sandbox_ehr.web.rendering import COOKIE, browser_session, form_of, page

STEPS: dict[str, tuple[Callable[..., Step], tuple[str, ...]]] = {
    "way": (sign_in.choose_way, ("way",)),
    "code": (sign_in.answer_code, ("code",)),
    "resend": (sign_in.send_again, ()),
    "push": (sign_in.poll_push, ()),
    "clinic": (sign_in.choose_clinic, ("clinic",)),
}
ASSETS = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
STAYS = ("wrong_code", "code_expired", "push_denied", "push_expired", "resend_too_soon")


async def front(request: Request) -> Response:
    if await browser_session(request) is not None:
        return RedirectResponse("/schedule", 303)
    return _front()


async def log_in(request: Request) -> Response:
    form, ehr = await form_of(request), ehr_of(request)
    username = form.get("username", "")
    seen(request, "", username)
    ehr.log.counts["login_attempts"] += 1
    step = await ehr.database.run(sign_in.log_in, ehr.clock.now(), username, form.get("password", ""))
    return _show(request, step, username)


async def go_on(request: Request) -> Response:
    """One later step; a wrong code or a denied push shows the same step again."""
    form, ehr = await form_of(request), ehr_of(request)
    work, fields = STEPS.get(request.path_params["step"]) or _no_step()
    challenge = form.get("challenge", "")
    step = await ehr.database.run(work, ehr.clock.now(), challenge, *(form.get(field, "") for field in fields))
    if isinstance(step, Refusal) and step.error in STAYS:
        note(request, step)
        waiting = await ehr.database.run(sign_in.look_at, ehr.clock.now(), challenge)
        return page("step.html", 200, challenge=challenge_of(waiting, ehr.clock.now()), notice=step)
    return _show(request, step, "")


async def log_out(request: Request) -> Response:
    await form_of(request)
    ehr = ehr_of(request)
    await ehr.database.run(accounts.close_session, request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE)
    return response


async def password(request: Request) -> Response:
    if request.method == "GET":
        return page("password.html", username=request.query_params.get("username", ""), notice=None)
    form, ehr = await form_of(request), ehr_of(request)
    values = [form.get(field, "") for field in ("username", "password", "new_password")]
    seen(request, "password_changed", values[0])
    refusal = await ehr.database.run(sign_in.change_password, ehr.clock.now(), *values)
    if refusal is None:
        return _front(username=values[0], done="The new password works now. Sign in with it.")
    seen(request, refusal.error)
    return page("password.html", refusal.status, username=values[0], notice=refusal)


async def forgotten(request: Request) -> Response:
    if request.method == "GET":
        return page("forgotten.html", username=request.query_params.get("username", ""))
    username = (await form_of(request)).get("username", "")
    seen(request, "password_forgotten", username)
    await ehr_of(request).database.run(sign_in.forget_password, username)
    # The same for a name that nobody has: this page must not tell who has an account.
    done = f"If there is such an account, its password is {PASSWORD} again. Sign in with it."
    return _front(username=username, done=done)


async def asset(request: Request) -> Response:
    name = request.url.path.removeprefix("/")
    return Response(files("sandbox_ehr.web").joinpath(name).read_bytes(), media_type=ASSETS[name])


def _no_step() -> NoReturn:
    raise Refused(refusals.not_found("step"))


def _show(request: Request, step: Step, username: str) -> Response:
    note(request, step)
    if isinstance(step, Opened):
        response = RedirectResponse("/schedule", 303)
        response.set_cookie(COOKIE, step.session, httponly=True, samesite="strict")
        return response
    if isinstance(step, Refusal):
        return refuse(step) if step.page is not None else _front(step.status, username=username, notice=step)
    now = ehr_of(request).clock.now()
    return page("step.html", challenge=challenge_of(step, now), notice=None)


def _front(status: int = 200, **values: Any) -> Response:
    shown = {"username": "", "notice": None, "done": ""} | values
    return page("front.html", status, logins=LOGINS, password=PASSWORD, error_codes=ERROR_CODES, **shown)


routes = [
    Route("/", front, methods=["GET"]),
    *(Route(f"/{name}", asset, methods=["GET"]) for name in ASSETS),
    Route("/sign-in", log_in, methods=["POST"]),
    Route("/sign-in/{step}", go_on, methods=["POST"]),
    Route("/sign-out", log_out, methods=["POST"]),
    Route("/password", password, methods=["GET", "POST"]),
    Route("/forgotten", forgotten, methods=["GET", "POST"]),
]
