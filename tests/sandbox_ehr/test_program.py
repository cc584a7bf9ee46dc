"""The program: one line with its address, data that stay, a clean stop, and manners on the wire."""

import ast
import asyncio
import logging
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.routing import Mount, Route

import sandbox_ehr
from sandbox_ehr import create_app
from sandbox_ehr.server import running
from tests.sandbox_ehr.sandbox_client import Desk, refusal


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_program_prints_its_address_and_stops_cleanly(stop: signal.Signals):
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "sandbox_ehr", "--port", "0"), stdout=PIPE, stderr=PIPE
    )
    assert program.stdout is not None
    address = (await asyncio.wait_for(program.stdout.readline(), 30)).decode().strip()
    async with AsyncClient(base_url=address, trust_env=False) as http:
        assert await Desk(http).session()
    program.send_signal(stop)
    rest, errors = await asyncio.wait_for(program.communicate(), 30)
    assert (program.returncode, rest, errors) == (0, b"", b"")


async def test_data_stay_in_their_folder_over_a_restart(tmp_path: Path):
    async with running(data=tmp_path / "new") as address, AsyncClient(base_url=address, trust_env=False) as http:
        desk = Desk(http)
        session = await desk.session()
        await desk.lab("users/user_good", {"password": "something-new"})
        await desk.lab("clock", {"now": "2026-11-24T12:00:00-05:00", "frozen": True})
        session = await desk.session("user_good", "something-new")
        before = await desk.read("appointments", session, start="2026-11-24", end="2026-11-24")
    async with running(data=tmp_path / "new") as address, AsyncClient(base_url=address, trust_env=False) as http:
        desk = Desk(http)
        assert (await desk.lab("clock"))["frozen"] is True
        assert await desk.read("appointments", session, start="2026-11-24", end="2026-11-24") == before
        assert refusal(await desk.log_in("user_good")) == (401, "wrong_credentials")


async def test_without_a_folder_everything_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with running():
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith("sandbox-ehr-")]
    assert not list(tmp_path.iterdir())


async def test_a_taken_port_is_an_error_and_not_a_second_server():
    async with running() as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with running(port=port):
                raise AssertionError("two servers on one port")


async def test_it_leaves_the_logging_of_the_program_that_it_runs_in_alone(tmp_path: Path):
    handler = logging.FileHandler(tmp_path / "host.log")
    try:
        async with running():
            pass
        assert handler.stream is not None
        assert not handler.stream.closed
    finally:
        handler.close()


async def test_it_stops_while_a_request_hangs():
    async with running() as address, AsyncClient(base_url=address, trust_env=False) as http:
        await Desk(http).lab("faults", {"hang": True})
        host, port = http.base_url.host, http.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET /api/settings HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        while not (await Desk(http).lab("log"))["counts"]["requests"]:
            await asyncio.sleep(0)
    assert b" 200 " not in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("length", [65537, 10**9])
async def test_a_body_that_is_too_large_is_refused(desk: Desk, length: int):
    host, port = desk.http.base_url.host, desk.http.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"POST /api/login HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")  # before a byte of the body was sent
    writer.close()
    await writer.wait_closed()


async def test_a_body_without_a_stated_length_is_limited_too(desk: Desk):
    async def endless():
        for _ in range(100):
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    response = await desk.http.post("/api/login", content=endless(), headers=headers)
    assert refusal(response) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
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
async def test_a_body_that_does_not_fit_is_refused_with_json(desk: Desk, body: bytes, kind: str, status: int):
    response = await desk.http.post("/api/login", content=body, headers={"Content-Type": kind})
    assert refusal(response) == (status, "bad_request")


async def test_unknown_paths_and_methods_are_json_under_api(desk: Desk):
    assert refusal(await desk.http.get("/api/nothing")) == (404, "not_found")
    assert refusal(await desk.http.get("/api/_lab/nothing")) == (404, "not_found")
    wrong = await desk.http.get("/api/login")
    assert refusal(wrong) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


async def test_a_crash_shows_no_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    app = create_app(tmp_path)
    app.state.ehr.clock.now = None  # whatever asks for the time now breaks
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://localhost") as http:
        response = await http.get("/api/settings")
        assert refusal(response) == (500, "server_error")
        assert "Traceback" not in response.text
    assert "A request crashed" in caplog.text
    await app.state.ehr.database.close()


async def test_every_answer_forbids_caching_and_sniffing(desk: Desk):
    for path in ("/", "/api/settings", "/api/nothing", "/style.css", "/icon.svg", "/nothing"):
        headers = (await desk.http.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_it_knows_nothing_of_cobalt_link():
    for path in Path(sandbox_ehr.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "cobalt_link"], path.name


def test_every_api_path_stands_in_the_reference(tmp_path: Path):
    text = (Path(__file__).parents[2] / "docs/reference/sandbox-ehr.md").read_text("utf-8")
    for route in create_app(tmp_path).routes:
        paths = [route.path] if isinstance(route, Route) else []
        if isinstance(route, Mount):
            paths = [route.path + inner.path for inner in route.app.app.routes]
        for path in paths:
            assert not path.startswith("/api") or f"{path}`" in text or f"{path} " in text, path
