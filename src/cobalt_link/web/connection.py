"""One HTTP connection: uvicorn's, with a deadline for all that the client has to do, and limits on what it sends.

A request that cannot be read gets the same kind of answer as any other refused request. See docs/why/serving.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import math
import re
from collections.abc import Callable
from typing import Any, Protocol, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from cobalt_link.web.limits import Limits
from cobalt_link.web.problems import HeadersTooLarge, InvalidRequest, Problem, RequestTimeout

NOT_ASCII = re.compile(rb"[\x80-\xff]")
FRAMING = (b"content-length", b"transfer-encoding")
# What uvicorn logs about a connection is a client's fault, or already in our log.
SILENT = logging.Logger("silent", logging.CRITICAL + 1)


class RequestPart(enum.Enum):
    """The part of a request that is being read."""

    NOTHING = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class Owner(Protocol):
    """What a connection needs of those who hold it."""

    config: uvicorn.Config
    state: ServerState
    app_state: dict[str, Any]
    loop: asyncio.AbstractEventLoop
    limits: Limits

    def admit(self, connection: HttpConnection) -> Problem | None:
        """Counts a new connection. Returns the problem if there is no room for it."""

    def forget(self, connection: HttpConnection) -> None:
        """The connection has ended."""

    def waits_for_client(self, connection: HttpConnection) -> None:
        """From now on, it may make room for others."""

    def works(self, connection: HttpConnection) -> None:
        """From now on, a request is being answered on it."""

    def refusal(self, problem: Problem) -> bytes:
        """The whole response to a request that no handler sees."""
        ...


class HttpConnection(HttpToolsProtocol):
    """The owner calls `check` in every tick. `address` is the peer's, or None for one that is not counted."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner.config, owner.state, owner.app_state, owner.loop)
        self.logger = SILENT
        self.access_log = False
        self.address: str | None = None
        self._owner = owner
        self._limits = owner.limits
        self._deadline = math.inf
        self._write_deadline = math.inf
        self._part = RequestPart.NOTHING
        self._heads = 0
        self._head_bytes = 0
        self._body_began = 0.0
        self._body_bytes = 0
        self._chunks = 0
        self._around_body = 0  # bytes of a chunked body that are not its content
        self._unwanted_bytes = 0
        self._problem: Problem | None = None
        self._is_ended = False
        self._is_stopping = False
        self._is_resuming = False
        self._is_in_first_line = False

    # What the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._outlet = _Outlet(transport, self._end)
        if problem := self._owner.admit(self):
            self._refuse(problem)
        else:
            self._wait_for_client(self._limits.first_byte)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_ended or self._problem:
            return self._discard(len(data))
        if self._part is RequestPart.NOTHING or self._is_in_first_line:
            data = self._with_ascii_address(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(self._problem or InvalidRequest("The request is not valid HTTP/1.1. Check how it is made."))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.time() + self._limits.unread

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_deadline = math.inf

    # What the parser calls

    def on_message_begin(self) -> None:
        if self._is_resuming:
            return
        self._part, self._head_bytes = RequestPart.HEAD, 0
        self._heads += 1
        if len(self.pipeline) >= self._limits.pipelined:
            self._fail(InvalidRequest("Too many requests were sent without waiting for a response."))
        if not self._is_answering():
            self._wait_for_client(self._limits.head)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._part is not RequestPart.HEAD:
            return  # A trailer. It must not pass for a header (RFC 9110 §6.5.1).
        if len(self.headers) >= self._limits.headers:
            self._fail(HeadersTooLarge())
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._is_resuming:
            return
        super().on_headers_complete()
        self.cycle.transport = cast(asyncio.Transport, self._outlet)
        self._part, self._body_began = RequestPart.BODY, self.loop.time()
        self._body_bytes = self._chunks = self._around_body = self._unwanted_bytes = 0
        if self._is_stopping:
            self.cycle.keep_alive = False
        elif not self.pipeline:
            self._wait_for_client(self._limits.body)

    def on_chunk_header(self) -> None:
        self._chunks += 1
        if self._chunks > self._limits.chunks:
            self._fail(InvalidRequest("The body is sent in too many chunks. Send larger ones."))

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._around_body -= len(body)
        if self.cycle.response_complete:
            return self._discard(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and any(name in FRAMING for name, _ in self.headers):
            return  # see `_ignore_upgrade`
        super().on_message_complete()
        self._part = RequestPart.NOTHING
        self._rest()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._is_ended or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._problem:
            return self._say_goodbye(self._problem)
        if self._part is RequestPart.BODY:
            # Nobody needs the rest of this body. Those few who send one can still go on with the connection.
            self._wait_for_client(self._limits.linger if self.cycle.response_complete else self._limits.body)
        elif self._part is RequestPart.HEAD:
            self._wait_for_client(self._limits.head)
        else:
            self._rest()

    # What the owner calls

    def check(self, now: float) -> None:
        """Ends a connection whose client took too long."""
        if now > self._write_deadline:
            self.transport.abort()
        elif now > self._deadline:
            self._expire(now)

    def give_way(self) -> None:
        """Makes room for another connection. The owner calls it only while the client has to send something."""
        self.transport.abort()

    def stop(self) -> None:
        """Ends the connection, after the response if a request is being answered."""
        self._is_stopping = True
        for cycle in (self.cycle, *(each for each, _ in self.pipeline)):
            if cycle is not None:
                cycle.keep_alive = False
        if self._part is not RequestPart.NOTHING:
            self._deadline = min(self._deadline, self.loop.time() + self._limits.linger)
        elif not self._is_answering():
            self._end()

    def _with_ascii_address(self, data: bytes) -> bytes:
        """Escapes letters beyond ASCII in the address. Many clients send them as they are; the parser refuses them."""
        end = data.find(b"\n")
        self._is_in_first_line = end < 0
        line = data if end < 0 else data[:end]
        return (
            data if line.isascii() else NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line) + data[len(line) :]
        )

    def _parse(self, data: bytes) -> None:
        while data and not self._is_ended:
            # In parts, so that a head over the limit is never parsed as a whole.
            part, heads = self._part, self._heads
            piece = data if part is RequestPart.BODY else data[: self._limits.head_bytes - self._head_bytes]
            read = len(piece)
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                read = upgrade.args[0]
                self._ignore_upgrade()
            data = data[read:]
            if heads == self._heads and self._part is RequestPart.HEAD:
                self._head_bytes += read
            elif heads == self._heads and self._part is part is RequestPart.BODY:
                self._around_body += read
            if max(self._head_bytes, self._around_body) >= self._limits.head_bytes:
                self._fail(HeadersTooLarge())

    def _ignore_upgrade(self) -> None:
        """Goes on as if nobody had asked for another protocol (RFC 9110 §7.8).

        The parser has ended with the head of that request. If a body follows, another parser gets what says how long it
        is.
        """
        self.parser = httptools.HttpRequestParser(self)
        if self._part is RequestPart.BODY:
            lines = [name + b": " + value for name, value in self.headers if name in FRAMING]
            self._is_resuming = True
            self.parser.feed_data(b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""]))
            self._is_resuming = False

    def _fail(self, problem: Problem) -> None:
        self._problem = problem
        raise httptools.HttpParserError(problem.code)

    def _wait_for_client(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds
        self._owner.waits_for_client(self)

    def _rest(self) -> None:
        """The request is complete: either it is being answered, or the next one may come."""
        if self._is_answering():
            self._deadline = math.inf
            self._owner.works(self)
        elif self._is_stopping:
            self._end()
        else:
            self._wait_for_client(self._limits.keep_alive)

    def _is_answering(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def _expire(self, now: float) -> None:
        if self._is_ended:
            self.transport.abort()
        elif self._part is RequestPart.HEAD:
            self._refuse(RequestTimeout())
        elif self._part is RequestPart.NOTHING or self.cycle.response_complete:
            self._end()
        elif self.flow.read_paused and not self._is_stopping:
            # We are the slow ones: what has arrived is still waiting for its handler.
            self._wait_for_client(self._limits.body)
        elif self._body_bytes >= (now - self._body_began) * self._limits.body_rate and not self._is_stopping:
            self._wait_for_client(1.0)
        else:
            self._refuse(RequestTimeout())

    def _refuse(self, problem: Problem) -> None:
        """Answers a request that could not be read, after those that came before it."""
        self._problem, self._deadline = problem, math.inf
        if self._part is not RequestPart.BODY:
            if self._is_answering():
                self.flow.pause_reading()
            else:
                self._say_goodbye(problem)
        elif self.cycle.response_complete:
            self._end()
        elif self.pipeline:
            self.pipeline.popleft()  # its turn never came
            self.flow.pause_reading()
        elif self.cycle.response_started:
            self.transport.abort()
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._say_goodbye(problem)

    def _say_goodbye(self, problem: Problem) -> None:
        self.transport.write(self._owner.refusal(problem))
        self._end()

    def _end(self) -> None:
        """Closes the connection after what was written.

        If the client is still sending, closing at once would reset the connection, and the client might never see the
        response. So only our side is closed, and the rest is read for a moment.
        """
        if self._is_ended:
            return
        self._is_ended = True
        self.flow.resume_reading()
        is_flushed = not self.transport.get_write_buffer_size()
        self._wait_for_client(self._limits.linger if is_flushed else self._limits.unread)
        if self._part is RequestPart.NOTHING and not self._problem:
            self.transport.close()
        else:
            with contextlib.suppress(OSError, RuntimeError):
                self.transport.write_eof()

    def _discard(self, count: int) -> None:
        self._unwanted_bytes += count
        if self._unwanted_bytes > self._limits.drained:
            self.transport.abort()


class _Outlet:
    """The transport of a response. Closing it ends the connection without a reset."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
