"""Requests as a server hands them over, for the tests of tolerance."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

Headers = dict[str, str] | Sequence[tuple[str, str]]


def request(
    method: str = "POST", *, body: bytes = b"", query: str | dict[str, Any] = "", headers: Headers = ()
) -> Request:
    """A Starlette request with its whole body at hand; a query may be given as a mapping."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": (query if isinstance(query, str) else urlencode(query, doseq=True)).encode(
            errors="surrogateescape"
        ),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def json_request(content: Any, method: str = "POST", **says: Any) -> Request:
    return request(
        method, body=json.dumps(content).encode(), **{"headers": {"content-type": "application/json"}, **says}
    )
