"""A process of the tests that opens the directory: `python -m tests.directory.seeing DSN FOLDER`."""

import asyncio
import sys
from pathlib import Path

from cobalt_link.directory.aliases import Aliases
from cobalt_link.directory.directory import Directory
from cobalt_link.directory.entries import Entries
from cobalt_link.directory.index_files import IndexFiles
from cobalt_link.directory.uses import Uses
from cobalt_link.kit.clock import SystemClock
from cobalt_link.store.database import Database


async def main(dsn: str, folder: Path) -> None:
    """Prints how many organizations it sees, and how many indexes it built."""
    db = await Database.open(dsn, size=2)
    files, built = IndexFiles(folder), 0
    directory = Directory(Entries(db), Aliases(db), Uses(db, SystemClock()), files)
    build = files.build

    async def counted(*given: object) -> bool:
        nonlocal built
        was = set(folder.glob("*.index"))
        done = await build(*given)  # type: ignore[arg-type]
        built += done and set(folder.glob("*.index")) != was
        return done

    files.build = counted  # type: ignore[method-assign]
    while not await directory.refresh():
        await asyncio.sleep(0.1)
    assert directory.index
    print(directory.index.count, built)
    await db.close()


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
