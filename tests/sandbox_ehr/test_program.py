"""The program: it prints its address, keeps its data, and stops cleanly."""

import ast
import asyncio
import logging
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE
from contextlib import closing
from pathlib import Path

import pytest
from httpx2 import AsyncClient

import sandbox_ehr
from sandbox_ehr.server import running
from tests.support.sandbox_client import SandboxClient, refusal


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_program_prints_its_address_and_stops_cleanly(stop: signal.Signals) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "sandbox_ehr", "--port", "0"), stdout=PIPE, stderr=PIPE
    )
    assert program.stdout is not None
    address = (await asyncio.wait_for(program.stdout.readline(), 30)).decode().strip()
    async with AsyncClient(base_url=address, trust_env=False, verify=False) as http:
        assert await SandboxClient(http).session()
    program.send_signal(stop)
    rest, errors = await asyncio.wait_for(program.communicate(), 30)
    assert (program.returncode, rest, errors) == (0, b"", b"")


async def test_data_survive_a_restart_in_their_folder(tmp_path: Path) -> None:
    async with (
        running(data=tmp_path / "new") as address,
        AsyncClient(base_url=address, trust_env=False, verify=False) as http,
    ):
        ehr = SandboxClient(http)
        session = await ehr.session()
        await ehr.lab("users/user_good", {"password": "something-new"})
        await ehr.lab("clock", {"now": "2026-11-24T12:00:00-05:00", "frozen": True})
        session = await ehr.session("user_good", "something-new")
        before = await ehr.read("appointments", session, start="2026-11-24", end="2026-11-24")
    async with (
        running(data=tmp_path / "new") as address,
        AsyncClient(base_url=address, trust_env=False, verify=False) as http,
    ):
        ehr = SandboxClient(http)
        assert (await ehr.lab("clock"))["frozen"] is True
        assert await ehr.read("appointments", session, start="2026-11-24", end="2026-11-24") == before
        assert refusal(await ehr.log_in("user_good")) == (401, "wrong_credentials")


async def test_a_file_of_an_earlier_version_is_begun_anew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "sandbox-ehr.sqlite")) as old:
        old.execute("CREATE TABLE patient (id TEXT PRIMARY KEY)")
        old.commit()
    async with running(data=tmp_path) as address, AsyncClient(base_url=address, trust_env=False, verify=False) as http:
        ehr = SandboxClient(http)
        assert (await ehr.read("patients", await ehr.session()))["total"] == 300


async def test_without_a_folder_everything_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with running():
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith("sandbox-ehr-")]
    assert not list(tmp_path.iterdir())


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with running() as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with running(port=port):
                raise AssertionError("two servers on one port")


async def test_it_does_not_change_the_logging_of_the_program_that_runs_it(tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "host.log")
    try:
        async with running():
            pass
        assert handler.stream is not None
        assert not handler.stream.closed
    finally:
        handler.close()


async def test_it_can_stop_while_a_request_hangs() -> None:
    async with running() as address, AsyncClient(base_url=address, trust_env=False, verify=False) as http:
        await SandboxClient(http).lab("faults", {"hang": True})
        host, port = http.base_url.host, http.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET /api/settings HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        while not (await SandboxClient(http).lab("log"))["counts"]["requests"]:
            await asyncio.sleep(0)
    assert b" 200 " not in await reader.readline()
    writer.close()
    await writer.wait_closed()


def test_it_imports_nothing_of_cobalt_link() -> None:
    for path in Path(sandbox_ehr.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "cobalt_link"], path.name
