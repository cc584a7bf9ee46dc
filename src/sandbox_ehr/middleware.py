"""What every request passes first: size limit, fault switches, response headers, and the lab's log."""

import asyncio

import msgspec
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox_ehr import refusals
from sandbox_ehr.ehr import Ehr
from sandbox_ehr.lab.faults import Entry, Faults
from sandbox_ehr.login import accounts
from sandbox_ehr.refusals import Refusal
from sandbox_ehr.requests import MAX_BODY, refuse

LAB = "/api/_lab"
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
)


class Gate:
    def __init__(self, app: ASGIApp, ehr: Ehr) -> None:
        self.app, self.ehr = app, ehr

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        await self.ehr.start()
        scope["seen"] = seen = {"username": "", "outcome": ""}
        status = 0
        in_log = not scope["path"].startswith(LAB)
        if in_log:
            self.ehr.log.counts["requests"] += 1

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        try:
            await self._pass(scope, receive, sending)
        finally:
            if in_log:
                self._log(scope, seen, status)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY:
            refusal = Refusal("too_large", 413, f"A body has at most {MAX_BODY} bytes.")
            return await refuse(refusal)(scope, receive, send)
        if scope["path"].startswith(LAB):
            return await self.app(scope, receive, send)
        faults = self._take(scope["path"])
        await asyncio.sleep(faults.slow_ms / 1000)
        if faults.hang:
            scope["seen"]["outcome"] = "fault:hang"
            return await self._until_gone(receive)
        response = _fault(faults, scope)
        if response is not None:
            return await response(scope, receive, send)
        if faults.drop_sessions:
            await self.ehr.database.run(accounts.drop_sessions)
        if faults.lose_answer:
            await self.app(scope, receive, _nowhere)
            return await self._until_gone(receive)
        await self.app(scope, receive, send)

    async def _until_gone(self, receive: Receive) -> None:
        """Give no answer for as long as the client waits; a server that stops does not wait for it."""
        gone = asyncio.ensure_future(_disconnected(receive))
        closing = asyncio.ensure_future(self.ehr.closing.wait())
        _, late = await asyncio.wait({gone, closing}, return_when=asyncio.FIRST_COMPLETED)
        for one in late:
            one.cancel()
        await asyncio.wait({gone, closing})

    def _take(self, path: str) -> Faults:
        """The faults for this request; counts `times` down."""
        faults = self.ehr.faults
        if not path.startswith(faults.only_path) or faults.times == 0:
            return Faults()
        if faults.times is not None:
            self.ehr.faults = msgspec.structs.replace(faults, times=faults.times - 1)
        return faults

    def _log(self, scope: Scope, seen: dict[str, str], status: int) -> None:
        outcome = seen["outcome"] or ("ok" if status < 400 else f"http_{status}")
        entry = Entry(self.ehr.clock.now(), scope["method"], scope["path"], seen["username"], status, outcome)
        self.ehr.log.entries.append(entry)
        self.ehr.log.counts["answered"] += 1


def _fault(faults: Faults, scope: Scope) -> Response | None:
    answers = {
        "down": lambda: refuse(refusals.down()),
        "http_500": lambda: PlainTextResponse("Internal Server Error", 500),
        "garbage": lambda: HTMLResponse('{"session": "4f1c', media_type="application/json"),
        "busy": lambda: refuse(refusals.busy()),
    }
    for name, response in answers.items():
        if getattr(faults, name):
            scope["seen"]["outcome"] = f"fault:{name}"
            return response()
    return None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nowhere(_message: Message) -> None:
    pass
