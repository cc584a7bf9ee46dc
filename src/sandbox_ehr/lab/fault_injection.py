"""Makes requests fail as the fault switches say. The lab's own requests always work, so that a test can undo it."""

import asyncio

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox_ehr import refusals
from sandbox_ehr.lab.ehr_under_test import LAB_PATH, EhrUnderTest
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.login import sessions
from sandbox_ehr.responses import refusal_response


class FaultInjection:
    def __init__(self, app: ASGIApp, ehr: EhrUnderTest) -> None:
        self.app = app
        self.ehr = ehr

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(LAB_PATH):
            return await self.app(scope, receive, send)
        faults = scope["faults"] = self._take_faults(scope["path"])
        await asyncio.sleep(faults.slow_ms / 1000)
        if faults.hang:
            scope["log_note"]["outcome"] = "fault:hang"
            return await self._until_gone(receive)
        response = _faulty_response(faults, scope)
        if response is not None:
            return await response(scope, receive, send)
        if faults.drop_sessions:
            await self.ehr.database.run(sessions.end_sessions)
        if faults.lose_answer:
            await self.app(scope, receive, _discard)
            return await self._until_gone(receive)
        await self.app(scope, receive, send)

    def _take_faults(self, path: str) -> Faults:
        """The faults for this request. Counts `times` down."""
        faults = self.ehr.faults.of_request(path)
        if faults != Faults():
            self.ehr.faults = self.ehr.faults.counted_down()
        return faults

    async def _until_gone(self, receive: Receive) -> None:
        """Give no answer for as long as the client waits. A server that stops does not wait for the client."""
        gone = asyncio.ensure_future(_disconnected(receive))
        closing = asyncio.ensure_future(self.ehr.closing.wait())
        _, unfinished = await asyncio.wait({gone, closing}, return_when=asyncio.FIRST_COMPLETED)
        for task in unfinished:
            task.cancel()
        await asyncio.wait({gone, closing})  # A cancelled task ends only once the loop has run it again.


def _faulty_response(faults: Faults, scope: Scope) -> Response | None:
    responses = {
        "down": lambda: refusal_response(refusals.down()),
        "http_500": lambda: PlainTextResponse("Internal Server Error", 500),
        "garbage": lambda: HTMLResponse('{"session": "4f1c', media_type="application/json"),  # JSON that is cut off
        "busy": lambda: refusal_response(refusals.busy()),
    }
    for name, response in responses.items():
        if getattr(faults, name):
            scope["log_note"]["outcome"] = f"fault:{name}"
            return response()
    return None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _discard(_message: Message) -> None:
    pass
