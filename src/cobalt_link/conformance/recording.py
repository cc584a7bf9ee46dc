"""Records what leaves a sign-in while it runs: every request, log entry, and printed line."""

from __future__ import annotations

import io
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from structlog.testing import capture_logs

from cobalt_link.conformance.lines import at_caller
from cobalt_link.conformance.report import Fault
from cobalt_link.connector.secrets import inside_a_step
from cobalt_link.net.http import Http, HttpResponse
from cobalt_link.net.transport import system_trust


class RecordingHttp(Http):
    """The guarded client with a record of what it sent. `loose` are the requests that no step made.

    `folder` is the connector's: its code is named as the place of a request.
    """

    def __init__(self, folder: Path | None = None, *, timeout: float = 20.0) -> None:
        super().__init__(allow_private=True, timeout=timeout, tls=trust())
        self.folder = folder
        self.sent: list[str] = []
        self.loose: list[Fault] = []

    async def request(self, method: str, url: str, **options: Any) -> HttpResponse:
        line = f"{method} {urlsplit(url).path or '/'}"
        self.sent.append(line)
        if not inside_a_step():
            text = f"{line} was sent outside of a step. Send it inside `ask.once` or `ask.until`."
            self.loose.append(Fault(text, at_caller(self.folder)))
        return await super().request(method, url, **options)


# Tracebacks are part of what is logged.
ABOUT = structlog.processors.format_exc_info


@cache
def trust() -> ssl.SSLContext:
    """Read once, because it takes longer than most runs."""
    return system_trust()


@contextmanager
def recorded_output() -> Iterator[list[str]]:
    """All that is logged (before redaction) or printed in the block. Complete when the block ends."""
    said: list[str] = []
    recorder, printed, root = _LogRecorder(said), io.StringIO(), logging.getLogger()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    try:
        with capture_logs([ABOUT]) as entries, redirect_stdout(printed), redirect_stderr(printed):
            yield said
    finally:
        root.removeHandler(recorder)
        root.setLevel(level)
        said += [repr(entry) for entry in entries] + printed.getvalue().splitlines()


class _LogRecorder(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(logging.Formatter("%(message)s").format(record))
