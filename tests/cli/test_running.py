import asyncio
import re
import signal
import socket
from pathlib import Path

import httpx2
import pytest
from psycopg import sql

from cobalt_link.store.database import Database
from tests.cli.cobalt import cobalt, free_port, running
from tests.cli.conftest import Run


async def test_serve_makes_its_schema_serves_and_stops_cleanly_with_commands_beside_it(
    data: Path, tmp_path: Path
) -> None:
    port = free_port()
    async with running("serve", "--port", str(port), data=data, home=tmp_path) as server:
        url = server.said["url"]
        assert url == f"http://127.0.0.1:{port}"
        made = (await cobalt("clients", "create", "Acme", "--test", "--json", data=data)).json
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get("/readyz")).status_code == 200
            headers = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
            assert (await http.get("/v1/orgs", headers=headers)).json()["orgs"] == []
            doctor = await cobalt("doctor", "--json", data=data, COBALT_PUBLIC_URL=url)
            assert {each["state"] for each in doctor.json["findings"]} == {"ok"}, doctor
        assert await server.stopped(signal.SIGTERM) == 0


async def test_an_attempt_is_shown_by_its_id_without_anything_secret(data: Path, tmp_path: Path) -> None:
    async with running("serve", "--port", str(free_port()), data=data, home=tmp_path) as server:
        made = (await cobalt("clients", "create", "Acme", "--test", "--json", data=data)).json
        headers = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
        async with httpx2.AsyncClient(base_url=server.said["url"], trust_env=False, follow_redirects=True) as http:
            wish = {"user_id": "u1", "org_id": "o1", "emr_name": "Sandbox EHR"}
            token = (await http.post("/link/token/create", headers=headers, json=wish)).json()["token"]
            page = (await http.get("/", params={"token": token})).text
        attempt = re.search(r'action="/link/([0-9a-f]{32})', page)
        assert attempt, page
        shown, text = await asyncio.gather(
            cobalt("sessions", "show", attempt[1], "--json", data=data),
            cobalt("attempts", "show", attempt[1], data=data),
        )
        assert (shown.json["id"], shown.json["user_id"]) == (attempt[1], "u1")
        assert "journal" in shown.json and attempt[1] in text.out
        assert token not in shown.out + text.out
        unknown = await cobalt("attempts", "show", "nothing", data=data)
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
