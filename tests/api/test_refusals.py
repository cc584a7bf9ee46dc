"""S-148: at every route, whatever goes wrong, an error tells its request id and nothing about the inside."""

import re
from importlib.metadata import version
from typing import Any

import httpx2

from cobalt_link import app
from cobalt_link.web import Route

ROWS = [(row, path) for routes in app.TABLE for row in routes for path in row.paths]
INSIDE = re.compile(
    r"traceback|\.py\b|uvicorn|httptools|starlette|psycopg|postgres(?!ql://)|msgspec|python/|line \d+|select .* from",
    re.I,
)
METHODS = ("TRACE", "TRACK", "TRACE", "PROPFIND", "BREW")
VERSIONS = [version(each) for each in ("cobalt-link", "uvicorn", "starlette", "httptools", "psycopg")]
BROKEN: list[dict[str, Any]] = [
    {"content": b"{", "headers": {"content-type": "application/json"}},
    {"content": b"\xff\xfe", "headers": {"content-type": "multipart/form-data; boundary=x"}},
    {"params": {"limit": "x" * 300, "page": "-1", "start_date": "soon", "token": "lt_test_x", "lang": "../../etc"}},
    {"headers": {"cookie": "=;;;=\xff", "x-forwarded-for": "'; DROP TABLE x", "idempotency-key": "é"}},
]
IDS = ("0" * 32, "%00", "a%2f..%2fb", "%f0%9f%98%80")


def check(row: Route, answer: httpx2.Response) -> None:
    where = f"{row}: {answer.status_code} {answer.text[:300]}"
    names = {name.lower() for name in answer.headers}
    assert not names & {"server", "x-powered-by", "via", "x-aspnet-version"}, where
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", answer.headers["x-request-id"]), where
    if answer.status_code < 400:
        return
    assert not INSIDE.search(answer.text), where
    assert not [each for each in VERSIONS if each in answer.text], where
    if not row.page:
        said = answer.json()
        assert said["request_id"] == answer.headers["x-request-id"], where
        assert said["success"] is False and said["error"] and said["message"], where


async def test_no_error_tells_more_than_it_should(
    house: app.House, full_app_url: str, full_app_credentials: dict[str, str]
) -> None:
    own = {"sec-fetch-site": "same-origin"} | full_app_credentials
    async with httpx2.AsyncClient(base_url=full_app_url, trust_env=False) as http:
        for row, path in ROWS:
            tries: list[tuple[dict[str, Any], str]] = [({}, value) for value in IDS[1:] if "{" in path] + [
                (broken, IDS[0]) for broken in BROKEN
            ]
            for given, value in tries:
                headers = own | given.get("headers", {})
                raw = {name: str(each).encode() for name, each in headers.items()}
                asked: dict[str, Any] = {**given, "headers": raw}
                answer = await http.request(row.method, filled(path, value), **asked)
                check(row, answer)
                assert answer.status_code != 500, (str(row), value, given)
        await house.db.close()
        for row, path in ROWS:
            answer = await http.request(row.method, filled(path), headers=own)
            check(row, answer)
            assert answer.status_code not in (500, 401), str(row)


async def test_no_route_takes_other_methods_and_none_echoes(full_app_url: str) -> None:
    headers = {"x-canary": "canary-4711", "cookie": "a=canary-4711"}
    async with httpx2.AsyncClient(base_url=full_app_url, trust_env=False, headers=headers) as http:
        for number, (row, path) in enumerate(ROWS):
            answer = await http.request(METHODS[number % len(METHODS)], filled(path))
            assert answer.status_code in (400, 405), (str(row), answer.status_code)
            assert "canary-4711" not in answer.text + str(answer.headers)
            check(row, answer)
        assert (await http.request("TRACE", "/nowhere")).status_code == 405


def filled(path: str, value: str = IDS[0]) -> str:
    return re.sub(r"{[^}]*}", value, path)
