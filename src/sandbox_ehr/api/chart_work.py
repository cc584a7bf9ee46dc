"""How an API call works in the chart: in one transaction, and with the lies that the lab asks for."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.lab.holds import HeldWrite
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.login.chart_access import Work, in_chart, in_schedule
from sandbox_ehr.login.sessions import Session
from sandbox_ehr.responses import json_response

P = ParamSpec("P")
T = TypeVar("T")


async def read_chart(request: Request, session: Session, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `work(connection, context, …)`."""
    ehr = ehr_of(request)
    return await in_chart(ehr.database, session, ehr.clock.now(), work, *args, **kwargs)


async def read_schedule(request: Request, session: Session, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for work that needs no paperwork of visits."""
    ehr = ehr_of(request)
    return await in_schedule(ehr.database, session, ehr.clock.now(), work, *args, **kwargs)


async def write_chart(
    request: Request, session: Session, member: str, work: Callable[..., Any], *args: Any, client_ref: str = ""
) -> Response:
    """Answer with `{member: result of work}`: 201 with its address to a create, otherwise 200."""
    result, faults = await carry_out(request, session, work, *args, client_ref=client_ref)
    if faults.write_error_although_done:
        note_outcome(request, "fault:write_error_although_done")
        return PlainTextResponse("Internal Server Error", 500)
    return _answer(request, member, result, empty=faults.write_empty_201)


async def carry_out(
    request: Request, session: Session, work: Callable[..., Any], *args: Any, client_ref: str = ""
) -> tuple[Any, Faults]:
    """The result of a write, and the switches that still have to lie about it in the answer."""
    ehr = ehr_of(request)
    faults = ehr.faults.of_write(request.url.path)
    if faults != Faults():
        ehr.faults = ehr.faults.counted_down()
    await asyncio.sleep(faults.write_slow_ms / 1000)
    await _hold(request, faults, "before", client_ref)
    undo = faults.write_done_although_not
    result = await in_chart(ehr.database, session, ehr.clock.now(), _undone if undo else _done, work, args)
    if undo:
        note_outcome(request, "fault:write_done_although_not")
    await _hold(request, faults, "after", client_ref)
    return result, faults


def _answer(request: Request, member: str, result: Any, *, empty: bool) -> Response:
    if request.method != "POST" or "id" in request.path_params:
        return json_response({member: result})
    row_id = result["id"] if isinstance(result, dict) else result.id
    response = Response(b"", 201) if empty else json_response({member: result}, 201)
    response.headers["Location"] = f"{request.url.path}/{row_id}"
    if empty:
        note_outcome(request, "fault:write_empty_201")
    return response


async def _hold(request: Request, faults: Faults, point: Literal["before", "after"], client_ref: str) -> None:
    if faults.hold_writes == point:
        write = HeldWrite(request.method, request.url.path, point, client_ref)
        await ehr_of(request).holds.wait(write)


def _done(connection: sqlite3.Connection, context: ChartContext, work: Callable[..., Any], args: Any) -> Any:
    return work(connection, context, *args)


def _undone(connection: sqlite3.Connection, context: ChartContext, work: Callable[..., Any], args: Any) -> Any:
    """The same result, of which nothing stays."""
    connection.execute("SAVEPOINT lie")
    result = work(connection, context, *args)
    connection.execute("ROLLBACK TO lie")
    return result
