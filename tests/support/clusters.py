"""Embedded database servers that need not be made: copies of one data folder whose database has our schema.

To make one takes the computer two seconds: `initdb`, then every migration. To copy it takes a tenth of one.
"""

import asyncio
import subprocess
from pathlib import Path

import pytest

from cobalt_link.store.embedded import acquire
from cobalt_link.store.migrate import migrate
from tests.support.ehrs.gnuhealth_install import made_once


class ReadyMade:
    """`put(folder)` makes the folder of an embedded server that nobody serves yet, as `acquire` would."""

    def __init__(self, original: Path) -> None:
        self._original = original

    def put(self, folder: Path) -> None:
        for each in (folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["cp", "-a", self._original / "data", self._original / "pgpass", folder], check=True)


@pytest.fixture(scope="session")
async def ready_made(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> ReadyMade:
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent  # by all workers of a run
    made = await asyncio.to_thread(made_once, shared / "ready-made", lambda folder: asyncio.run(_make(folder)))
    return ReadyMade(made / "postgres")


async def _make(folder: Path) -> None:
    async with await acquire(folder / "postgres") as lease:
        await migrate(lease.dsn)
