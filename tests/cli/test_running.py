import asyncio
import re
import signal
import socket
import stat
import sys
from pathlib import Path

import httpx2
import pytest
from psycopg import sql

from cobalt_link.store.database import Database
from tests.cli.cobalt import cobalt, environment, free_port, running
from tests.cli.conftest import Run


async def test_serve_makes_its_schema_serves_and_stops_cleanly_with_commands_beside_it(
    data: Path, tmp_path: Path
) -> None:
    port = free_port()
    async with running("serve", "--port", str(port), data=data, home=tmp_path) as server:
        url = server.said["url"]
        assert url == f"http://127.0.0.1:{port}"
        made = (await cobalt("clients", "create", "Acme", "--test", "--json", data=data)).json
        async with httpx2.AsyncClient(base_url=url, trust_env=False, verify=False) as http:
            assert (await http.get("/readyz")).status_code == 200
            headers = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
            assert (await http.get("/v1/orgs", headers=headers)).json()["orgs"] == []
            doctor = await cobalt("doctor", "--json", data=data, COBALT_PUBLIC_URL=url)
            assert {each["state"] for each in doctor.json["findings"]} == {"ok"}, doctor
        assert await server.stopped(signal.SIGTERM) == 0


async def test_an_attempt_is_shown_by_its_id_without_anything_secret(used: Path, tmp_path: Path) -> None:
    async with running("serve", "--port", str(free_port()), data=used, home=tmp_path) as server:
        made = (await cobalt("clients", "create", "Acme", "--test", "--json", data=used)).json
        headers = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
        async with httpx2.AsyncClient(
            base_url=server.said["url"], trust_env=False, verify=False, follow_redirects=True
        ) as http:
            wish = {"user_id": "u1", "org_id": "o1", "emr_name": "Sandbox EHR"}
            token = (await http.post("/link/token/create", headers=headers, json=wish)).json()["token"]
            page = (await http.get("/", params={"token": token})).text
        attempt = re.search(r'action="/link/([0-9a-f]{32})', page)
        assert attempt, page
        shown, text = await asyncio.gather(
            cobalt("sessions", "show", attempt[1], "--json", data=used),
            cobalt("attempts", "show", attempt[1], data=used),
        )
        assert (shown.json["id"], shown.json["user_id"]) == (attempt[1], "u1")
        assert "journal" in shown.json and attempt[1] in text.out
        assert token not in shown.out + text.out
        unknown = await cobalt("attempts", "show", "nothing", data=used)
        assert (unknown.code, unknown.err.count("\n")) == (1, 1), unknown
        assert await server.stopped(signal.SIGINT) == 0


async def test_a_second_server_on_the_same_port_is_told_so(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = await cobalt("serve", "--port", str(taken.getsockname()[1]), data=data)
    assert (said.code, "--port" in said.err.splitlines()[-1]) == (1, True), said


# S-093
@pytest.mark.parametrize("setting", ["synchronous_commit"])
async def test_a_server_that_could_lose_commits_is_refused_at_the_start(
    run: Run, db: Database, dsn: str, setting: str
) -> None:
    async with db.connection() as connection:
        name, off = sql.Identifier(connection.info.dbname), sql.Identifier(setting)
        await connection.execute(sql.SQL("ALTER DATABASE {} SET {} = off").format(name, off))
    said = await run("serve", "--port", str(free_port()))
    assert (said.code, setting in said.err) == (1, True), said


# S-093
async def test_a_schema_from_a_newer_release_is_refused(run: Run, db: Database) -> None:
    await db.run("INSERT INTO schema_migrations (number, name) VALUES (9999, '9999_from_the_future.sql')")
    said = await run("serve", "--port", str(free_port()))
    assert (said.code, "newer" in said.err) == (1, True), said


async def test_a_data_folder_or_key_that_others_can_use_is_refused(run: Run, data: Path) -> None:
    tries: list[tuple[Path, int, tuple[str, ...]]] = [
        (data, 0o755, ("serve", "--port", str(free_port()))),
        (data, 0o720, ("clients", "list")),
        (data / "master.key", 0o640, ("keys", "list")),
    ]
    for path, mode, command in tries:
        private = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode)
        said = await run(*command)
        assert (said.code, f"chmod {private:o} {path}" in said.err) == (1, True), said
        path.chmod(private)


# S-147
async def test_a_server_that_is_stopped_ends_even_if_a_client_never_finishes(used: Path, tmp_path: Path) -> None:
    port, health = free_port(), free_port()
    async with running(
        "serve", "--port", str(port), data=used, home=tmp_path, COBALT_HEALTH_PORT=str(health)
    ) as server:
        async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
            for path, status in (("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/v1/orgs", 404)):
                assert (await http.get(f"http://127.0.0.1:{health}{path}")).status_code == status
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /link/token/create HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{")
        await asyncio.sleep(0.2)
        async with asyncio.timeout(15):
            assert await server.stopped(signal.SIGTERM) == 0
        assert (await reader.read()).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_a_second_signal_ends_it_at_once(used: Path, tmp_path: Path) -> None:
    port = free_port()
    async with running("serve", "--port", str(port), data=used, home=tmp_path) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /link/token/create HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{")
        await asyncio.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        async with asyncio.timeout(2):
            assert await server.stopped(signal.SIGTERM) == 128 + signal.SIGTERM
        writer.close()


@pytest.mark.parametrize("command", ["serve", "worker", "demo"])
async def test_a_signal_during_the_start_ends_it_in_order(command: str, data: Path, tmp_path: Path) -> None:
    """At moments spread over the start, whatever it is doing then: no PostgreSQL outlives it."""
    ports = {"serve": ["--port"], "demo": ["--port", "--scribe-port", "--sandbox-port"]}.get(command, [])
    words = [command, "--data", str(data), *(part for name in ports for part in (name, str(free_port())))]
    began = data / "postgres" / "data" / "postmaster.pid"
    for seconds in (0.0, 0.2, 0.5):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cobalt_link", *words, env=environment(tmp_path), stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            while not began.exists():
                await asyncio.sleep(0.01)
            await asyncio.sleep(seconds)
            process.terminate()
            _, said = await process.communicate()
        assert (process.returncode, b"Traceback" in said) == (0, False), (seconds, said)
        assert not began.exists(), seconds
