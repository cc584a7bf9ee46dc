"""The lab: clock, faults, log, users and sessions, for tests only, and only from this machine."""

import ipaddress
from datetime import UTC, datetime
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox_ehr import refusals
from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.lab import faults as lab
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.login import accounts
from sandbox_ehr.login import pending_sign_ins as pending
from sandbox_ehr.login.accounts import Account
from sandbox_ehr.refusals import Refusal, Refused
from sandbox_ehr.requests import answer, body_of, ehr_of, refuse

FORWARDED = {b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"}


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    """One of: seconds from real time, seconds to move by, or a time; `frozen` stops the clock there."""

    offset: float | None = None
    advance: float | None = None
    now: datetime | None = None
    frozen: bool = False


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays; a new user needs a password."""

    password: str | None = None
    name: str | None = None
    mfa: Literal["none", "code", "choice", "push"] | None = None
    clinics: list[str] | None = None
    rights: list[str] | None = None
    locked: bool | None = None
    must_change: bool | None = None
    push_plan: Literal["approve", "deny", "ignore"] | None = None
    push_after: float | None = None


class PushAnswer(msgspec.Struct, forbid_unknown_fields=True):
    answer: Literal["approve", "deny", "expire"]


async def clock(request: Request) -> Response:
    ehr = ehr_of(request)
    if request.method == "PUT":
        change = await body_of(request, ClockChange)
        if sum(given is not None for given in (change.offset, change.advance, change.now)) > 1:
            raise Refused(refusals.bad_request("Give one of offset, advance and now."))
        real = datetime.now(UTC).timestamp()
        goal = ehr.clock.now() + (change.advance or 0)
        if change.offset is not None:
            goal = real + change.offset
        if change.now is not None:
            goal = change.now.timestamp()
        state = ehr.clock.move_to(goal, frozen=change.frozen)
        await ehr.database.run(lab.write, "clock", state)
    now = ehr.clock.now()
    state = ehr.clock.state
    shown = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    return answer({"now": shown, "offset": state.offset, "frozen": state.frozen_at is not None})


async def faults(request: Request) -> Response:
    """PUT sets all of them: what is left out is off."""
    ehr = ehr_of(request)
    if request.method == "PUT":
        ehr.faults = await body_of(request, Faults)
        await ehr.database.run(lab.write, "faults", ehr.faults)
    return answer(ehr.faults)


async def log(request: Request) -> Response:
    entries, counts = ehr_of(request).log.entries, ehr_of(request).log.counts
    names = ("requests", "answered", "login_attempts", "logins", "logouts", "texts_sent", "emails_sent", "pushes_sent")
    return answer({"requests": list(entries), "counts": {name: counts[name] for name in names}})


async def reset(request: Request) -> Response:
    await ehr_of(request).reset()
    return answer({"ok": True})


async def user(request: Request) -> Response:
    """PUT changes or makes a user; GET shows one."""
    ehr, name = ehr_of(request), request.path_params["name"]
    account = await ehr.database.run(accounts.find, name)
    if request.method == "PUT":
        change = await body_of(request, UserChange)
        if account is None and change.password is None:
            raise Refused(refusals.bad_request("A new user needs a password."))
        account = _changed(account or Account(username=name, id=f"u-{name}", name=name), change)
        await ehr.database.run(accounts.save, account)
        if change.password is not None:
            await ehr.database.run(accounts.set_password, name, change.password)
    if account is None:
        raise Refused(refusals.not_found("user"))
    return answer(account)


async def push(request: Request) -> Response:
    given = await body_of(request, PushAnswer)
    count = await ehr_of(request).database.run(pending.answer_push, request.path_params["name"], given.answer)
    if not count:
        raise Refused(refusals.not_found("push that waits"))
    return answer({"answered": count})


async def sessions(request: Request) -> Response:
    """DELETE ends every session, or with ?username= those of one user."""
    username = request.query_params.get("username", "")
    return answer({"dropped": await ehr_of(request).database.run(accounts.drop_sessions, username)})


def _changed(account: Account, change: UserChange) -> Account:
    given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
    given.pop("password", None)
    if not set(given.get("clinics", ())) <= CLINICS.keys() or given.get("clinics") == []:
        raise Refused(refusals.bad_request(f"clinics are of {', '.join(CLINICS)}."))
    given |= {name: tuple(given[name]) for name in ("clinics", "rights") if name in given}
    if "locked" in given:
        given |= {"locked_until": accounts.FOREVER if given.pop("locked") else 0, "failures": 0}
        given |= {"codes_until": 0, "code_failures": 0}
    return msgspec.structs.replace(account, **given)


class LocalOnly:
    """Lets a request in only if its peer is this machine, no proxy is in between and no other site's page sent it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_local(scope):
            refusal = Refusal("local_only", 403, "The lab answers only to programs on the EHR's own machine.")
            return await refuse(refusal)(scope, receive, send)
        await self.app(scope, receive, send)


def _is_local(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1").rpartition(":")[0] or headers.get(b"host", b"").decode("latin-1")
    return (
        _is_loopback((scope["client"] or ("",))[0])
        and (host == "localhost" or _is_loopback(host.strip("[]")))
        and not headers.keys() & FORWARDED
        and headers.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin")
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


_lab_routes = [
    Route("/clock", clock, methods=["GET", "PUT"]),
    Route("/faults", faults, methods=["GET", "PUT"]),
    Route("/log", log, methods=["GET"]),
    Route("/reset", reset, methods=["POST"]),
    Route("/sessions", sessions, methods=["DELETE"]),
    Route("/users/{name}", user, methods=["GET", "PUT"]),
    Route("/users/{name}/push", push, methods=["POST"]),
]
routes = [Mount("/api/_lab", app=LocalOnly(Router(_lab_routes)))]
