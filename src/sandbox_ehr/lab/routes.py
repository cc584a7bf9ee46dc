"""The lab over HTTP: clock, faults, held writes, log, reset, sessions and users, for tests on the EHR's own machine."""

import sqlite3
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, records, schedule_slots, visits
from sandbox_ehr.lab import apps, saved_state, users
from sandbox_ehr.lab.ehr_under_test import LAB_PATH, EhrUnderTest
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.lab.local_only import LocalOnly
from sandbox_ehr.lab.log import COUNTERS
from sandbox_ehr.login.sessions import end_sessions
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import json_body
from sandbox_ehr.responses import json_response


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    """One of: seconds from real time, seconds to move by, or a time. `frozen` stops the clock there."""

    offset: float | None = None
    advance: float | None = None
    now: datetime | None = None
    frozen: bool = False


async def clock(request: Request) -> Response:
    ehr = _ehr_of(request)
    if request.method == "PUT":
        change = await json_body(request, ClockChange)
        state = ehr.clock.move_to(_new_time(change, ehr.clock.now()), frozen=change.frozen)
        await ehr.database.run(saved_state.save, "clock", state)
    state = ehr.clock.state
    now = datetime.fromtimestamp(ehr.clock.now(), UTC).isoformat(timespec="seconds")
    return json_response({"now": now, "offset": state.offset, "frozen": state.frozen_at is not None})


async def faults(request: Request) -> Response:
    """PUT sets every switch. What it leaves out is off."""
    ehr = _ehr_of(request)
    if request.method == "PUT":
        ehr.faults = await json_body(request, Faults)
        await ehr.database.run(saved_state.save, "faults", ehr.faults)
    return json_response(ehr.faults)


async def log(request: Request) -> Response:
    log = _ehr_of(request).log
    return json_response({"requests": list(log.entries), "counts": {name: log.counts[name] for name in COUNTERS}})


async def reset(request: Request) -> Response:
    await _ehr_of(request).reset()
    return json_response({"ok": True})


async def sessions(request: Request) -> Response:
    """DELETE ends every session, or with ?username= those of one user."""
    username = request.query_params.get("username", "")
    return json_response({"dropped": await _ehr_of(request).database.run(end_sessions, username)})


async def held(request: Request) -> Response:
    """GET shows the writes that wait, POST lets them go on, DELETE drops them: they get 503 and do nothing more."""
    holds = _ehr_of(request).holds
    if request.method == "GET":
        return json_response({"held": holds.waiting})
    return json_response({"let_go": holds.let_go(released=request.method == "POST")})


async def written(request: Request) -> Response:
    """How many rows of each kind there are of each `client_ref`: none may be there twice."""
    rows = await _ehr_of(request).database.run(_written)
    only = request.query_params.get("client_ref", "")
    return json_response({"written": [row for row in rows if only in ("", row["client_ref"])]})


def _written(connection: sqlite3.Connection) -> list[dict[str, str | int]]:
    return [row for table in (patients, visits, schedule_slots, records) for row in table.written(connection)]


def _ehr_of(request: Request) -> EhrUnderTest:
    return request.app.state.ehr


def _new_time(change: ClockChange, now: float) -> float:
    if sum(value is not None for value in (change.offset, change.advance, change.now)) > 1:
        raise RequestRefused(refusals.bad_request("Give only one of offset, advance and now."))
    if change.now is not None:
        return change.now.timestamp()
    if change.offset is not None:
        return datetime.now(UTC).timestamp() + change.offset
    return now + (change.advance or 0)


_lab_routes = [
    Route("/clock", clock, methods=["GET", "PUT"]),
    Route("/faults", faults, methods=["GET", "PUT"]),
    Route("/held", held, methods=["GET", "POST", "DELETE"]),
    Route("/written", written, methods=["GET"]),
    Route("/log", log, methods=["GET"]),
    Route("/reset", reset, methods=["POST"]),
    Route("/sessions", sessions, methods=["DELETE"]),
    Route("/apps", apps.every_app, methods=["GET"]),
    Route("/apps/{client_id}", apps.app, methods=["GET", "PUT", "DELETE"]),
    Route("/grants", apps.grants, methods=["DELETE"]),
    Route("/access-tokens", apps.access_tokens, methods=["DELETE"]),
    Route("/users/{name}", users.user, methods=["GET", "PUT"]),
    Route("/users/{name}/push", users.answer_push, methods=["POST"]),
]
routes = [Mount(LAB_PATH, app=LocalOnly(Router(_lab_routes)))]
