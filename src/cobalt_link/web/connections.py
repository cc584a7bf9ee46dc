"""All connections of a listener: who may connect, who makes room, and when the last one has to end.

At a limit, the connection makes room that has waited longest for its client. Requests that are being answered are never
cut off for a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from cobalt_link.kit.ids import new_id
from cobalt_link.kit.logs import log_plain
from cobalt_link.web.client_address import is_in, networks
from cobalt_link.web.connection import HttpConnection
from cobalt_link.web.edge import API_HEADERS
from cobalt_link.web.limits import SPARE_FILES, Limits
from cobalt_link.web.metrics import Metrics
from cobalt_link.web.problems import Problem, RateLimited, Unavailable
from cobalt_link.web.rates import address_key
from cobalt_link.web.responses import problem_response

LOGGED_PER_SECOND = 20  # refused connections; an attacker must not fill the disk with them


class HttpConnections:
    """`config`, `state`, `app_state`, `loop`, and `limits` are for the connections."""

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics | None) -> None:
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self.state = ServerState()
        self.app_state: dict[str, Any] = {}
        self.config = uvicorn.Config(
            app, ws="none", lifespan="on", log_config=None, log_level="error", access_log=False, proxy_headers=False
        )
        self.config.load()
        self._proxies = networks(limits.proxies)
        self._metrics = metrics
        self._admitted: set[HttpConnection] = set()
        self._of_address: defaultdict[str, dict[HttpConnection, None]] = defaultdict(dict)
        self._waiting: dict[HttpConnection, None] = {}  # for their clients, the one that began first in front
        self._is_ticking = False
        self._is_stopping = False
        self._to_log = LOGGED_PER_SECOND
        self._second = 0

    def new(self) -> HttpConnection:
        return HttpConnection(self)

    def admit(self, connection: HttpConnection) -> Problem | None:
        """Counts a new connection. Returns the problem if there is no room for it."""
        if not self._is_ticking:
            self._tick()
        if len(self.state.connections) > self.limits.connections + SPARE_FILES // 2:
            # So many were refused a moment ago and still have to be closed.
            connection.give_way()
            return None
        if problem := self._make_room(connection):
            return problem
        self._admitted.add(connection)
        if connection.address:
            self._of_address[connection.address][connection] = None
        return None

    def forget(self, connection: HttpConnection) -> None:
        self._admitted.discard(connection)
        self._waiting.pop(connection, None)
        if connection.address and (same := self._of_address.get(connection.address)) is not None:
            same.pop(connection, None)
            if not same:
                del self._of_address[connection.address]

    def waits_for_client(self, connection: HttpConnection) -> None:
        if connection in self._admitted:
            self._waiting.pop(connection, None)
            self._waiting[connection] = None

    def works(self, connection: HttpConnection) -> None:
        self._waiting.pop(connection, None)

    def refusal(self, problem: Problem) -> bytes:
        """The whole response to a request that no handler sees. Logs and counts it."""
        request_id = new_id()
        self._count(problem.code)
        if self._to_log:
            self._to_log -= 1
            said = {"method": "OTHER", "route": "other", "status": problem.status, "code": problem.code, "ms": 0.0}
            log_plain("request", request_id=request_id, **said)
        response = problem_response(problem, request_id)
        headers = {**API_HEADERS, "x-request-id": request_id, "connection": "close"}
        pairs = [*self.state.default_headers, *((name.encode(), value.encode()) for name, value in headers.items())]
        lines = [name + b": " + value for name, value in [*pairs, *response.raw_headers]]
        return STATUS_LINE[problem.status] + b"\r\n".join([*lines, b"", bytes(response.body)])

    async def stop(self) -> None:
        """Ends all connections: idle ones at once, and those with a request within the grace period."""
        self._is_stopping = True
        for connection in list(self.state.connections):
            connection.stop()  # type: ignore[union-attr]
        end = self.loop.time() + self.limits.grace
        pause = 0.0
        while (self.state.connections or self.state.tasks) and self.loop.time() < end:
            await asyncio.sleep(pause)
            pause = min(0.02, pause + 0.001)
        for connection in list(self.state.connections):
            connection.transport.abort()
        for task in self.state.tasks:
            task.cancel()
        if self.state.tasks:
            await asyncio.wait(self.state.tasks, timeout=1)

    def _make_room(self, connection: HttpConnection) -> Problem | None:
        if self._is_stopping:
            return Unavailable()
        peer = connection.client[0] if connection.client else None
        address = address_key(peer) if peer and not is_in(peer, self._proxies) else None
        same = self._of_address.get(address, {}) if address else {}
        if len(same) >= self.limits.per_address:
            if not self._end_one(each for each in same if each in self._waiting):
                return RateLimited("Too many connections from your address. Close some of them, then try again.")
        elif len(self._admitted) >= self.limits.connections and not self._end_one(self._waiting):
            return Unavailable("Too many connections. Try again in a few seconds.")
        connection.address = address
        return None

    def _end_one(self, candidates: Iterable[HttpConnection]) -> bool:
        found = next(iter(candidates), None)
        if found is None:
            return False
        self.forget(found)
        found.give_way()
        self._count("gave_way")
        return True

    def _tick(self) -> None:
        self._is_ticking = bool(self.state.connections)
        if (second := int(time.time())) != self._second:
            self._second, self._to_log = second, LOGGED_PER_SECOND
            self.state.default_headers = [(b"date", formatdate(second, usegmt=True).encode())]
        if self._is_ticking:
            now = self.loop.time()
            for connection in list(self.state.connections):
                connection.check(now)  # type: ignore[union-attr]
            self.loop.call_later(self.limits.tick, self._tick)

    def _count(self, code: str) -> None:
        if self._metrics:
            self._metrics.refused(code)
