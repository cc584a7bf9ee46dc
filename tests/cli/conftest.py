from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cobalt_link.vault import Keyring
from tests.cli.cobalt import Said, cobalt
from tests.support.clusters import ReadyMade

Run = Callable[..., Awaitable[Said]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a master key."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    Keyring.generate().save(folder / "master.key")
    return folder


@pytest.fixture
def used(data: Path, ready_made: ReadyMade) -> Path:
    """A data folder whose embedded database is made and migrated."""
    ready_made.put(data / "postgres")
    return data


@pytest.fixture
def run(data: Path, dsn: str) -> Run:
    """`await run("clients", "list")`: the command on the test's own database."""

    async def run(*words: str | Path, **env: str) -> Said:
        return await cobalt(*words, data=data, **{"DATABASE_URL": dsn, **env})

    return run
