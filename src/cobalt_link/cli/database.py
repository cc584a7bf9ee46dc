"""`cobalt migrate`, `db`, `backup` and `restore`: commands for the whole database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.output import print_result
from cobalt_link.store.database_address import open_database_address

app = App(name="db", help="The database: url.")

File = Annotated[Path, Parameter(help="The file of the backup.")]


@app.command
async def url(*, options: CommonOptions = DEFAULTS) -> None:
    """Print the address of the database with its password, for psql and other tools.

    The embedded server runs only while `serve`, `worker` or another command uses it.
    """
    async with open_database_address(options.settings()) as dsn:
        print_result(options.json, {"url": dsn}, dsn)


async def migrate(*, options: CommonOptions = DEFAULTS) -> None:
    """Apply the migrations that the database does not have yet."""
    from cobalt_link.store import migrate as migrations

    async with open_database_address(options.settings()) as dsn:
        done = await migrations.migrate(dsn)
    text = f"Applied: {', '.join(done)}." if done else "The schema is up to date."
    print_result(options.json, {"done": done}, text)


async def backup(file: File, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Write the whole database to one file (mode 0600). The server may keep running.

    The master key is not in the file. Keep a copy of master.key in another place: you need both.
    """
    from cobalt_link.store import backup as copies

    settings = options.settings()
    async with open_database_address(settings) as dsn:
        await copies.backup(dsn, file, settings.postgres_bin)
    text = f"Wrote {file} ({file.stat().st_size} bytes). To use it, you also need the master.key of this installation."
    print_result(options.json, {"file": str(file), "bytes": file.stat().st_size}, text)


async def restore(
    file: File,
    /,
    *,
    replace: Annotated[bool, Parameter(negative=(), help="Drop what the database contains now.")] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Restore a backup into an empty database. Stop `serve` and `worker` first. A failure changes nothing."""
    from cobalt_link.store import backup as copies

    settings = options.settings()
    async with open_database_address(settings) as dsn:
        await copies.restore(dsn, file, settings.postgres_bin, replace=replace)
    print_result(
        options.json, {"file": str(file)}, f"Restored {file}. Start `cobalt serve` with the master.key of that backup."
    )
