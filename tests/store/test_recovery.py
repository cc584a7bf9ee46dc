"""A database in recovery is waited for. A real server, as a standby that nobody has promoted yet."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.cluster import ENVIRONMENT, Cluster
from cobalt_link.store.embedded import acquire
from cobalt_link.store.errors import DatabaseUnavailable
from cobalt_link.store.migrate import migrate, pending
from cobalt_link.store.recovery import after_recovery


@asynccontextmanager
async def standby(cluster: Cluster, *options: str) -> AsyncIterator[None]:
    """The server of a folder as a standby."""
    (cluster.data / "standby.signal").touch()
    with (cluster.folder / "test.lock").open("w") as lock:
        run_as, command = cluster.prepare(lock.fileno())
        run_as.chown(cluster.data / "standby.signal")
        server = await asyncio.create_subprocess_exec(
            *command, *options, env=ENVIRONMENT, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            server.send_signal(signal.SIGINT)
            await server.wait()


def promote(cluster: Cluster) -> None:
    (cluster.data / "promote").touch()
    os.kill(int((cluster.data / "postmaster.pid").read_text().split()[0]), signal.SIGUSR1)


@pytest.mark.parametrize("hot", ["on", "off"])
async def test_it_starts_as_soon_as_the_recovery_ends(tmp_path_factory: pytest.TempPathFactory, hot: str) -> None:
    cluster = Cluster(tmp_path_factory.mktemp("r"), find_binaries().path)  # a short path, so that the socket is inside
    async with await acquire(cluster.folder) as lease:
        dsn = lease.dsn
    async with standby(cluster, f"--hot_standby={hot}"):
        socket = cluster.folder / "socket" / ".s.PGSQL.5432"
        while not socket.exists():
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(after_recovery(dsn, lambda: migrate(dsn)))
        done, _ = await asyncio.wait([waiting], timeout=1.5)
        assert not done
        with pytest.raises(DatabaseUnavailable):
            await migrate(dsn)
        promote(cluster)
        async with asyncio.timeout(20):
            assert await waiting
        assert await pending(dsn) == []


async def test_a_database_that_is_not_there_is_not_waited_for() -> None:
    dsn = "postgresql://nobody@127.0.0.1:1/x"
    async with asyncio.timeout(10):
        with pytest.raises(DatabaseUnavailable):
            await after_recovery(dsn, lambda: migrate(dsn))
