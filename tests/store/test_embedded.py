import asyncio
import os
import random
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.store.serving import Holder, gone, kill_server, postmaster, server_processes
from tests.support.clusters import ReadyMade
from tests.support.proof import DISK_KILLS

from cobalt_link.store import embedded
from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.database import Database
from cobalt_link.store.embedded import acquire
from cobalt_link.store.errors import EmbeddedServerError

OLD = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def nothing(tmp_path: Path) -> Iterator[Path]:
    """Where a server may rest; whatever a test leaves running there is ended."""
    place = tmp_path / "postgres"
    yield place
    if (place / "server.lock").exists():
        kill_server(place)


@pytest.fixture
def folder(nothing: Path, ready_made: ReadyMade) -> Path:
    """As a server left it that was stopped."""
    ready_made.put(nothing)
    return nothing


async def test_the_first_start_makes_a_database_and_the_next_finds_it(nothing: Path) -> None:
    async with await acquire(nothing) as lease:
        db = await Database.open(lease.dsn)
        await db.run("CREATE TABLE kept AS SELECT 42 AS a")
        await db.close()
    assert server_processes(nothing) == []
    async with await acquire(nothing) as lease:
        db = await Database.open(lease.dsn)
        assert await db.one("SELECT a FROM kept") == {"a": 42}
        await db.close()


async def test_two_leases_in_one_process_share_the_server_until_both_are_released(nothing: Path) -> None:
    first, second = await asyncio.gather(acquire(nothing), acquire(nothing))
    pid = postmaster(nothing).pid
    await first.release()
    await first.release()
    assert postmaster(nothing).pid == pid
    await (await Database.open(second.dsn)).close()
    await second.release()
    assert server_processes(nothing) == []


async def test_four_processes_share_one_folder(nothing: Path) -> None:
    holders = [await Holder.start(nothing, f"holder {n}") for n in range(4)]
    await asyncio.gather(*(holder.ready() for holder in holders))
    pid = postmaster(nothing).pid
    db = await Database.open(holders[0].dsn)
    assert await db.one("SELECT count(*) AS n FROM rows") == {"n": 4}
    await db.close()
    for holder in holders[:3]:
        await holder.leave()
        assert postmaster(nothing).pid == pid
    await holders[3].leave()
    assert server_processes(nothing) == []


async def test_the_server_stops_cleanly_when_the_last_process_was_killed(folder: Path) -> None:
    holders = [await (await Holder.start(folder)).ready() for _ in range(2)]
    pid = postmaster(folder).pid
    await holders[0].kill()
    await (await Database.open(holders[1].dsn)).close()
    assert postmaster(folder).pid == pid
    await holders[1].kill()
    await gone(folder)
    assert not (folder / "data" / "postmaster.pid").exists()
    state = subprocess.run(
        [find_binaries().path / "pg_controldata", folder / "data"], capture_output=True, text=True, check=True
    ).stdout
    assert "shut down" in next(line for line in state.splitlines() if "cluster state" in line)


async def test_an_orphan_is_adopted(folder: Path) -> None:
    holder = await (await Holder.start(folder)).ready()
    server = postmaster(folder)
    supervisor = server.parent()
    assert supervisor is not None and "supervisor.py" in " ".join(supervisor.cmdline())
    supervisor.kill()
    await holder.kill()
    assert server.is_running()
    async with await acquire(folder) as lease:
        assert postmaster(folder).pid == server.pid
        db = await Database.open(lease.dsn)
        assert await db.one("SELECT n FROM rows") == {"n": -1}
        await db.close()
    assert server_processes(folder) == []


async def test_a_killed_postmaster_is_started_again(folder: Path) -> None:
    async with await acquire(folder) as lease:
        db = await Database.open(lease.dsn, timeout=30)
        await db.run("CREATE TABLE kept AS SELECT 42 AS a")
        before = postmaster(folder)
        before.kill()
        await asyncio.to_thread(before.wait)
        async with await acquire(folder):  # returns when it serves again
            assert postmaster(folder).pid != before.pid
        assert await db.one("SELECT a FROM kept") == {"a": 42}
        await db.close()
    assert server_processes(folder) == []


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_a_dead_postmaster_left_behind_does_not_block_the_next(folder: Path, guarded: bool) -> None:
    """Its backends may wait for ever for a lock of one that died; a stopped one stands for them here."""
    holder = await (await Holder.start(folder)).ready()
    server = postmaster(folder)
    supervisor = server.parent()
    assert supervisor is not None
    backend = next(child for child in server.children() if "cobalt" in child.cmdline()[0])
    backend.send_signal(signal.SIGSTOP)
    if not guarded:
        supervisor.kill()
    server.kill()
    await asyncio.to_thread(server.wait)
    async with await acquire(folder) as lease:
        assert backend not in server_processes(folder)
        db = await Database.open(lease.dsn)
        assert await db.one("SELECT n FROM rows") == {"n": -1}
        await db.close()
    await holder.kill()
    await gone(folder)


# S-094
@pytest.mark.slow
async def test_kill_9_of_everything_under_load_loses_nothing(folder: Path) -> None:
    chance = random.Random(94)
    acknowledged: dict[str, set[int]] = {f"holder {n}": set() for n in range(4)}

    async def listen(holder: Holder, who: str, seen: asyncio.Event) -> None:
        while line := await holder.line():
            if line.endswith(b"\n"):
                acknowledged[who].add(int(line))
                seen.set()

    for point in range(DISK_KILLS.times):
        holders = {who: await Holder.start(folder, who) for who in acknowledged}
        await asyncio.gather(*(holder.ready() for holder in holders.values()))
        seen = asyncio.Event()
        listeners = [asyncio.create_task(listen(holder, who, seen)) for who, holder in holders.items()]
        for holder in holders.values():
            holder.tell(str((point + 1) * 1_000_000))
        await seen.wait()
        await asyncio.sleep(chance.uniform(0, 0.1))
        kill_server(folder)
        await asyncio.gather(*(holder.kill() for holder in holders.values()))
        await asyncio.gather(*listeners)
    async with await acquire(folder) as lease:
        db = await Database.open(lease.dsn)
        for who, numbers in acknowledged.items():
            assert numbers
            stored = {row["n"] for row in await db.rows("SELECT n FROM rows WHERE who = %s", (who,))}
            assert numbers <= stored
        await db.close()
        _check_indexes(lease.dsn)


def _check_indexes(dsn: str) -> None:
    with psycopg.connect(make_conninfo(dsn, user="postgres"), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION amcheck")
        admin.execute("SELECT bt_index_check('rows_pkey', true)")


async def test_a_process_killed_while_making_the_database_leaves_no_half(nothing: Path) -> None:
    for seconds in (0.3, 0.5, 0.7):
        holder = await Holder.start(nothing)
        try:
            async with asyncio.timeout(seconds):
                await holder.ready()
        except TimeoutError:
            await holder.kill()
    # A program of a killed process may still be at work: it is waited for.
    async with await acquire(nothing) as lease:
        await (await Database.open(lease.dsn)).close()


async def test_a_dead_servers_note_with_anothers_pid_does_not_fool_us(folder: Path) -> None:
    holder = await (await Holder.start(folder)).ready()
    note = folder / "data" / "postmaster.pid"
    lines = note.read_text().splitlines()
    kill_server(folder)
    await holder.kill()
    await gone(folder)
    note.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    async with await acquire(folder) as lease:
        await (await Database.open(lease.dsn)).close()


# S-093
async def test_a_second_postmaster_on_the_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await acquire(folder):
        # As from another container: the note names a process that cannot be seen from here.
        note = folder / "data" / "postmaster.pid"
        text = note.read_text()
        note.write_text("\n".join(["4194303", *text.splitlines()[1:]]) + "\n")
        monkeypatch.setattr(embedded, "_PATIENCE", 0.3)
        with pytest.raises(EmbeddedServerError, match="Another container"):
            await acquire(folder)
        note.write_text(text)


async def test_ctrl_c_in_our_terminal_does_not_reach_the_server(folder: Path) -> None:
    holder = await (await Holder.start(folder, start_new_session=True)).ready()
    server = postmaster(folder)
    assert os.getsid(server.pid) != os.getsid(holder.process.pid)
    supervisor = server.parent()
    assert supervisor is not None and os.getsid(supervisor.pid) != os.getsid(holder.process.pid)
    await holder.leave()


async def test_the_server_sees_nothing_of_our_environment(folder: Path) -> None:
    holder = await (await Holder.start(folder, env={**os.environ, "COBALT_MASTER_KEY": "canary"})).ready()
    for process in server_processes(folder):
        assert "canary" not in str(process.environ())
        assert "canary" not in str(process.cmdline())
    await holder.leave()


async def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    await (await acquire(folder)).release()
    with (folder / "data" / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        await acquire(folder)


async def test_a_database_of_another_major_version_names_the_way_over(folder: Path) -> None:
    await (await acquire(folder)).release()
    (folder / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match="cobalt backup"):
        await acquire(folder)


@pytest.mark.skipif(not (OLD / "postgres").exists(), reason="PostgreSQL 15 is not installed on this machine")
async def test_other_binaries_can_serve(tmp_path: Path) -> None:
    async with await acquire(tmp_path / "postgres", OLD) as lease:
        db = await Database.open(lease.dsn)
        (row,) = await db.rows("SHOW server_version")
        assert row["server_version"].startswith("15")
        await db.close()


async def test_a_long_path_has_its_socket_elsewhere_and_closed(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    async with await acquire(folder) as lease:
        await (await Database.open(lease.dsn)).close()
        socket = Path((folder / "data" / "postmaster.pid").read_text().splitlines()[4])
        assert folder not in socket.parents
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert not socket.exists()


async def test_a_cancelled_caller_leaves_no_server_behind(nothing: Path) -> None:
    caller = asyncio.create_task(acquire(nothing))
    await asyncio.sleep(0.05)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert server_processes(nothing) == []
