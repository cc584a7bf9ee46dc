"""Writes every request into the log, except the lab's own."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox_ehr.lab.ehr_under_test import LAB_PATH, EhrUnderTest
from sandbox_ehr.lab.log import LogEntry


class RequestLogging:
    def __init__(self, app: ASGIApp, ehr: EhrUnderTest) -> None:
        self.app = app
        self.ehr = ehr

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        # The handlers fill the note in; the lab's own do as well, although nobody reads theirs.
        scope["log_note"] = {"username": "", "outcome": ""}
        if scope["path"].startswith(LAB_PATH):
            return await self.app(scope, receive, send)
        status = 0

        async def send_and_keep_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # Counted when it arrives, not only when it is over: a test can wait until a request hangs.
        self.ehr.log.counts["requests"] += 1
        try:
            await self.app(scope, receive, send_and_keep_status)
        finally:
            self._log(scope, status)

    def _log(self, scope: Scope, status: int) -> None:
        note = scope["log_note"]
        outcome = note["outcome"] or ("ok" if status < 400 else f"http_{status}")
        entry = LogEntry(self.ehr.clock.now(), scope["method"], scope["path"], note["username"], status, outcome)
        self.ehr.log.entries.append(entry)
        self.ehr.log.counts["answered"] += 1
