"""What every request meets: the body limit, JSON refusals, response headers, and no traceback."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from sandbox_ehr import create_app
from tests.support.sandbox_client import SandboxClient, refusal


@pytest.mark.parametrize("length", [65537, 10**9])
async def test_a_body_that_is_too_large_is_refused(ehr: SandboxClient, length: int) -> None:
    host, port = ehr.http.base_url.host, ehr.http.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"POST /api/login HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")  # Before a byte of the body was sent.
    writer.close()
    await writer.wait_closed()


async def test_a_body_without_a_content_length_is_limited_too(ehr: SandboxClient) -> None:
    async def endless() -> AsyncGenerator[bytes, None]:
        for _ in range(100):
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    response = await ehr.http.post("/api/login", content=endless(), headers=headers)
    assert refusal(response) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"username": "a"}', "application/json", 400),
        (b'{"username": 1, "password": "x"}', "application/json", 400),
        (b"username=a&password=b", "application/x-www-form-urlencoded", 415),
        (b"[" * 60000, "application/json", 400),
    ],
)
async def test_an_invalid_body_is_refused_with_json(
    ehr: SandboxClient, body: bytes, content_type: str, status: int
) -> None:
    response = await ehr.http.post("/api/login", content=body, headers={"Content-Type": content_type})
    assert refusal(response) == (status, "bad_request")


async def test_unknown_paths_and_methods_of_the_api_get_json(ehr: SandboxClient) -> None:
    assert refusal(await ehr.http.get("/api/nothing")) == (404, "not_found")
    assert refusal(await ehr.http.get("/api/_lab/nothing")) == (404, "not_found")
    wrong = await ehr.http.get("/api/login")
    assert refusal(wrong) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


async def test_a_crash_does_not_send_a_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(tmp_path)
    app.state.ehr.clock.now = None  # Whatever asks for the time breaks.
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://localhost") as http:
        response = await http.get("/api/settings")
        assert refusal(response) == (500, "server_error")
        assert "Traceback" not in response.text
    assert "A request crashed" in caplog.text
    await app.state.ehr.database.close()


async def test_every_response_forbids_caching_and_sniffing(ehr: SandboxClient) -> None:
    for path in ("/", "/api/settings", "/api/nothing", "/style.css", "/icon.svg", "/nothing"):
        headers = (await ehr.http.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
