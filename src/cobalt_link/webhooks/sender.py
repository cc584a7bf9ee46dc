"""Sends one attempt: signs it, posts it through the guarded client, and says what came of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from cobalt_link.kit.clock import Clock
from cobalt_link.net.http import AddressRefused, Http, HttpError, NoAnswer, NoSuchName, TlsError, TooSlow
from cobalt_link.webhooks import signing
from cobalt_link.webhooks.endpoints import Endpoint
from cobalt_link.webhooks.envelope import javascript_time
from cobalt_link.webhooks.schedule import Answer

TIMEOUT: Final = 15.0  # seconds
MOST_BYTES: Final = 64 * 1024  # of a response that are read, so that its connection can be used again

# The first class that fits. The text of the errors is about EHRs, so the log has a code.
_CODES: Final = (
    (AddressRefused, "address_refused"),
    (NoSuchName, "name_not_found"),
    (NoAnswer, "no_connection"),
    (TooSlow, "timed_out"),
    (TlsError, "tls_failed"),
    (HttpError, "broken_answer"),
)


SignJwt = Callable[[str, bytes, datetime], Awaitable[str]]


class WebhookSender:
    """`http` allows `TIMEOUT` seconds and `MOST_BYTES`. `jwt` signs for an endpoint that asks for a JWT."""

    def __init__(self, http: Http, clock: Clock, jwt: SignJwt) -> None:
        self._http = http
        self._clock = clock
        self._jwt = jwt

    @property
    def now(self) -> datetime:
        return self._clock.now()

    async def send(self, endpoint: Endpoint, event: str, body: bytes, number: int) -> Answer:
        """Every attempt has a fresh timestamp (S-067), also as ISO 8601, so that receivers can refuse old ones."""
        at, began = self.now, time.monotonic()
        timestamp = javascript_time(at) if endpoint.timestamps == "iso" else str(int(at.timestamp()))
        headers = signing.headers(endpoint.secrets(at), event, timestamp, number, body)
        if endpoint.jwt:
            headers[signing.JWT] = await self._jwt(endpoint.id, body, at)
        try:
            response = await self._http.request("POST", endpoint.url, headers=headers, content=body, skim=True)
        except HttpError as problem:
            code = next(code for kind, code in _CODES if isinstance(problem, kind))
            return Answer(at=at, milliseconds=_since(began), error=code)
        return Answer(
            at=at,
            milliseconds=_since(began),
            status=response.status,
            retry_after=response.headers.get("retry-after"),
        )


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
