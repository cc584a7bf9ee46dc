"""The outermost ring: request ids, headers on every answer, body limits, counts by route."""

import io
import json
import re
from typing import Any

import pytest
from starlette.types import Message

from cobalt_link.kit.logs import configure_logging
from cobalt_link.web import mount
from cobalt_link.web.metrics import Metrics
from tests.web.sample import HEADERS, Shop, authenticate, client, routes

EVERY_KIND_OF_ANSWER = [("GET", "/things/1"), ("GET", "/nowhere"), ("PUT", "/me"), ("GET", "/me"), ("GET", "/panes/1")]


@pytest.mark.parametrize(("method", "path"), EVERY_KIND_OF_ANSWER)
async def test_every_answer_carries_the_security_headers(method: str, path: str) -> None:
    # S-119, S-035
    async with client(public_url="https://link.example.org") as http:
        headers = (await http.request(method, path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    years, subdomains = headers["strict-transport-security"].split("; ")
    assert int(years.removeprefix("max-age=")) >= 365 * 24 * 3600
    assert subdomains == "includeSubDomains"
    page = path.startswith("/panes")
    assert headers["referrer-policy"] == ("same-origin" if page else "no-referrer")
    assert headers["cross-origin-opener-policy"] == ("same-origin-allow-popups" if page else "same-origin")


async def test_browsers_are_not_tied_to_https_where_the_public_address_is_http() -> None:
    async with client(public_url="http://127.0.0.1:8000") as http:
        assert "strict-transport-security" not in (await http.get("/things/1")).headers


async def test_what_a_handler_says_of_a_header_stands() -> None:
    async with client() as http:
        answer = await http.post("/panes/1", headers={"sec-fetch-site": "same-origin"})
    assert answer.headers.get_list("cache-control") == ["private"]


async def test_no_answer_names_the_web_server_or_a_version() -> None:
    # S-148
    async with client() as http:
        for method, path in EVERY_KIND_OF_ANSWER:
            headers = (await http.request(method, path)).headers
            assert "server" not in headers
            assert "x-powered-by" not in headers


@pytest.mark.parametrize("sent", ["trace-4711.a_B", "12345678", "x" * 64])
async def test_a_callers_request_id_comes_back(sent: str) -> None:
    async with client() as http:
        answer = await http.get("/nowhere", headers={"X-Request-Id": sent})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == sent


@pytest.mark.parametrize("sent", ["short", "x" * 65, "with blank", "näme5678".encode(), b"line\nbreak", ""])
async def test_a_request_id_that_could_forge_a_log_line_is_replaced(sent: Any) -> None:
    async with client() as http:
        answer = await http.get("/nowhere", headers=[("X-Request-Id", sent)])
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_a_body_over_the_limit_of_its_route_is_refused() -> None:
    # S-147
    mebibyte = 1024 * 1024
    async with client() as http:
        large = await http.post("/things", headers=HEADERS, content=b"x" * (mebibyte + 1))
        file = {"file": ("a.bin", b"x" * (mebibyte + 1))}
        allowed = await http.post("/files", headers=HEADERS, files=file)
        too_large = await http.post("/files", headers=HEADERS, files={"file": ("a.bin", b"x" * (2 * mebibyte))})
    assert (large.status_code, large.json()["error"]) == (413, "too_large")
    assert allowed.json()["got"]["size"] == mebibyte + 1
    assert too_large.status_code == 413


async def test_the_operator_may_allow_more() -> None:
    async with client(body_limit=3 * 1024 * 1024) as http:
        answer = await http.post("/things", headers=HEADERS, content=b"x" * 2 * 1024 * 1024)
    assert answer.status_code == 400


async def test_a_body_without_a_declared_length_is_refused_as_soon_as_it_is_over_the_limit() -> None:
    chunks = 0

    async def endless() -> Any:
        nonlocal chunks
        while True:
            chunks += 1
            yield b"x" * 65536

    async with client() as http:
        answer = await http.post("/things", headers=HEADERS, content=endless())
    assert answer.status_code == 413
    assert chunks <= 3


async def test_requests_are_counted_by_template_and_never_by_path() -> None:
    metrics = Metrics()
    async with client(metrics=metrics) as http:
        await http.get("/things/742")
        await http.get("/v1/secret-in-path")
        await http.request("BREW", "/things/743")
    text = metrics.text().decode()
    assert 'cobalt_http_requests_total{method="GET",route="/things/{number}",status="200"} 1.0' in text
    assert 'cobalt_http_requests_total{method="GET",route="other",status="404"} 1.0' in text
    assert 'cobalt_http_requests_total{method="OTHER",route="other",status="405"} 1.0' in text
    assert 'cobalt_http_request_seconds_count{method="GET",route="/things/{number}"} 1.0' in text
    assert set(re.findall(r'route="([^"]*)"', text)) == {"/things/{number}", "other"}


async def test_a_caller_who_hangs_up_is_no_failure_of_ours() -> None:
    metrics = Metrics()
    app = mount([(routes, Shop("shop"))], authenticate=authenticate, metrics=metrics)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    scope = {"type": "http", "method": "POST", "path": "/things", "query_string": b"", "headers": raw}
    await app({**scope, "client": ("192.0.2.1", 1)}, receive, send)
    assert sent == []
    assert 'route="/things",status="499"} 1.0' in metrics.text().decode()


async def test_other_protocols_pass_untouched() -> None:
    passed: list[str] = []

    async def lifespan(app: Any) -> Any:
        passed.append("up")
        yield
        passed.append("down")

    from contextlib import asynccontextmanager

    app = mount([], authenticate=authenticate, lifespan=asynccontextmanager(lifespan))
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        passed.append(message["type"])

    await app({"type": "lifespan", "asgi": {}}, receive, send)
    assert passed == ["up", "lifespan.startup.complete", "down", "lifespan.shutdown.complete"]


async def test_every_request_is_one_line_of_the_log_found_by_its_request_id() -> None:
    stream = io.StringIO()
    configure_logging(json=True, stream=stream)
    try:
        async with client() as http:
            answers = [await http.request(method, path) for method, path in EVERY_KIND_OF_ANSWER]
            answers += [await http.get("/me", headers={"client-id": "ci_test_no\none", "client-secret": "cs_test_x"})]
            answers += [await http.request("BREW", "/things/1"), await http.get("/me", headers=HEADERS)]
    finally:
        configure_logging(json=True, stream=io.StringIO())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for answer in answers:
        (line,) = [each for each in lines if each["request_id"] == answer.headers["x-request-id"]]
        refused = answer.status_code >= 400 and "json" in answer.headers["content-type"]
        assert line["event"] == "request" and line["status"] == answer.status_code
        assert line.get("code") == (answer.json()["error"] if refused else None)
        assert line["ms"] >= 0 and line["route"]
    assert lines[-1]["client"] == HEADERS["client_id"]
    assert "cs_test_x" not in stream.getvalue()
