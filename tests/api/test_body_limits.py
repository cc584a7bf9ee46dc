"""S-147 at every route of the table: bodies that are large, nested or endless, from a stranger and from a client."""

import re
from typing import Any

import httpx2
import pytest

from cobalt_link import app
from cobalt_link.web import Route, fields
from cobalt_link.web.edge import GET_BODY

ROWS = [(row, path) for routes in app.TABLE for row in routes for path in row.paths]
NESTED = b'{"a":' + b"[[],[]," * 9_000 + b"1" + b"]" * 9_000 + b"}"


MEBIBYTE = 2**20


def bodies(row: Route) -> tuple[bytes, ...]:
    """The third is larger than the route takes. Routes for files take so much that only the others are sent."""
    most = GET_BODY if row.method == "GET" else row.max_body or MEBIBYTE
    return (NESTED[:60_000], b"[" * 7_000, b"x" * (most + 1) if most <= MEBIBYTE else NESTED)


async def test_no_route_parses_what_is_too_much(
    house: app.House, full_app_url: str, full_app_credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    real = fields._json
    monkeypatch.setattr(fields, "_json", lambda raw: parsed.append(len(raw)) or real(raw))

    async def without_length(body: bytes) -> Any:
        yield body

    headers = {"content-type": "application/json", "sec-fetch-site": "same-origin"}
    async with httpx2.AsyncClient(base_url=full_app_url, trust_env=False, headers=headers) as http:
        for number, (row, path) in enumerate(ROWS):
            for known in (False, True):
                body = bodies(row)[(number + known) % 3]
                answer = await http.request(
                    row.method, re.sub(r"{[^}]*}", "0" * 32, path),
                    content=body if number % 2 else without_length(body),
                    headers=full_app_credentials if known else {},
                )  # fmt: skip
                assert answer.status_code < 500, (str(row), answer.text)
                if answer.status_code >= 400 and not row.page:
                    assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert (await http.get("/healthz")).status_code == 200
    assert parsed == []
