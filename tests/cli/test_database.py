import asyncio
from pathlib import Path

import psycopg
import pytest

from cobalt_link.store.embedded import acquire
from cobalt_link.store.migrate import MIGRATIONS
from tests.cli.cobalt import cobalt
from tests.cli.conftest import Run


async def test_migrate_brings_an_empty_database_up_and_then_does_nothing(run: Run, empty_dsn: str) -> None:
    first = await run("migrate", "--json", DATABASE_URL=empty_dsn)
    assert first.json["done"] == sorted(each.name for each in MIGRATIONS.iterdir() if each.name[0].isdigit())
    assert (await run("migrate", "--json", DATABASE_URL=empty_dsn)).json == {"done": []}


async def test_a_database_that_does_not_answer_is_one_line(run: Run) -> None:
    said = await run("clients", "list", "--json", DATABASE_URL="postgresql://127.0.0.1:1/nothing")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert '"database_unavailable"' in said.err


# S-099
async def test_a_restore_drill_brings_back_what_was_backed_up(
    run: Run, dsn: str, empty_dsn: str, tmp_path: Path
) -> None:
    file = tmp_path / "link.backup"
    made = (await run("clients", "create", "Acme", "--json")).json
    assert (await run("backup", file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    refused = await run("restore", file)
    assert (refused.code, "--replace" in refused.err) == (1, True)
    assert (await run("restore", file, DATABASE_URL=empty_dsn)).code == 0
    listed = (await run("clients", "list", "--json", DATABASE_URL=empty_dsn)).json["clients"]
    assert [each["client_id"] for each in listed] == [made["client_id"]]
    await run("clients", "create", "Later")
    assert (await run("restore", file, "--replace")).code == 0
    assert [each["name"] for each in (await run("clients", "list", "--json")).json["clients"]] == ["Acme"]


async def test_commands_work_beside_a_running_server_and_beside_each_other(used: Path) -> None:
    """As `serve` does, this process holds the embedded server while four commands come and go."""
    async with await acquire(used / "postgres") as lease:
        assert (await cobalt("migrate", data=used)).code == 0
        four = await asyncio.gather(*(cobalt("clients", "create", f"App {n}", "--json", data=used) for n in range(4)))
        assert [said.code for said in four] == [0] * 4, four
        url = (await cobalt("db", "url", "--json", data=used)).json["url"]
        assert url == lease.dsn
        async with await psycopg.AsyncConnection.connect(url) as connection:
            cursor = await connection.execute("SELECT count(*) FROM clients")
            assert await cursor.fetchone() == (4,)
    listed = (await cobalt("clients", "list", "--json", data=used)).json["clients"]
    assert {each["name"] for each in listed} == {"App 0", "App 1", "App 2", "App 3"}


async def test_the_last_command_stops_the_embedded_server(used: Path) -> None:
    assert (await cobalt("clients", "list", data=used)).code == 0
    assert not (used / "postgres" / "data" / "postmaster.pid").exists()
    with pytest.raises(psycopg.OperationalError):
        await psycopg.AsyncConnection.connect(f"postgresql://cobalt@/cobalt?host={used / 'postgres' / 'socket'}")
