from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cobalt_link.directory.aliases import Aliases
from cobalt_link.directory.directory import Directory
from cobalt_link.directory.entries import Entries
from cobalt_link.directory.importing import Importer, ImportReport, ListOptions
from cobalt_link.directory.index_files import IndexFiles
from cobalt_link.directory.sources import Sources
from cobalt_link.directory.uses import Uses
from cobalt_link.kit.clock import SystemClock
from cobalt_link.net.http import Http
from cobalt_link.store.database import Database

ImportBytes = Callable[..., Awaitable[ImportReport]]
Found = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def directory(db: Database, tmp_path: Path) -> Directory:
    return Directory(Entries(db), Aliases(db), Uses(db, SystemClock()), IndexFiles(tmp_path / "directory"))


@pytest.fixture
async def importer(db: Database) -> AsyncIterator[Importer]:
    http = Http(allow_private=True, max_body=2**20, timeout=20.0)
    yield Importer(Entries(db), Sources(db, SystemClock()), http)
    await http.close()


@pytest.fixture
def import_list(importer: Importer, tmp_path: Path) -> ImportBytes:
    """`await import_list(data, name="epic.json", vendor=…)`."""

    async def import_list(data: bytes | str, *, name: str = "list", **options: object) -> ImportReport:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return await importer.file(path, ListOptions(**options), lambda count: None)  # type: ignore[arg-type]

    return import_list


@pytest.fixture
def found(directory: Directory) -> Found:
    """The names that a query finds, the best first."""

    async def found(query: str, limit: int = 5, **options: object) -> list[str]:
        assert await directory.refresh()
        hits = await directory.search(query, limit, **options)  # type: ignore[arg-type]
        return [each.name for each in hits.shown]

    return found
