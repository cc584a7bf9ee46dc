"""One request as a handler sees it: the caller, the account, the time, and the request id."""

import re
from datetime import datetime
from typing import Any

from starlette.requests import Request

from cobalt_link.kit.clock import Clock
from cobalt_link.web.credentials import unquoted
from cobalt_link.web.problems import InvalidRequest
from cobalt_link.web.table import Route


class Call:
    """What the authenticator and the handler share. The authenticator sets `caller` and `account`. For
    the pages of a link session, `session` is the session that this browser may see.

    `response_headers` are added to a JSON response. `address` is the caller's IP address as text.
    """

    def __init__(self, *, request: Request, request_id: str, route: Route, clock: Clock, address: str) -> None:
        self.request = request
        self.request_id = request_id
        self.route = route
        self.clock = clock
        self.address = address
        self.caller: Any = None
        self.account: Any = None
        self.session: Any = None
        self.response_headers: dict[str, str] = {}

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def header(self, name: str) -> str | None:
        """A request header, spelled with hyphens or underscores, without quotes around its value."""
        headers = self.request.headers
        value = headers.get(name.replace("_", "-")) or headers.get(name.replace("-", "_"))
        return unquoted(value) if value else None

    @property
    def idempotency_key(self) -> str | None:
        """The `Idempotency-Key` header: 1 to 255 printable ASCII characters. Raises `InvalidRequest` for another."""
        # An empty header is refused, not ignored: the caller believes that a retry is safe.
        if all(name not in (b"idempotency-key", b"idempotency_key") for name, _ in self.request.scope["headers"]):
            return None
        key = self.header("Idempotency-Key") or ""
        if not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
            raise InvalidRequest("The Idempotency-Key header must be 1 to 255 printable ASCII characters.")
        return key
