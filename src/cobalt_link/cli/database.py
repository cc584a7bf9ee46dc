"""`cobalt migrate`, `db`, `backup`, `restore`: the database as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.output import say
from cobalt_link.cli.installation import HERE, Where
from cobalt_link.store.database_address import open_database_address

app = App(name="db", help="The database itself: url.")

File = Annotated[Path, Parameter(help="The backup's file.")]


@app.command
async def url(*, where: Where = HERE) -> None:
    """Print the database's address, password included, for psql and other tools.

    The embedded server runs while a `serve`, `worker` or other command uses it.
    """
    async with open_database_address(where.settings()) as dsn:
        say(where.json, {"url": dsn}, dsn)


async def migrate(*, where: Where = HERE) -> None:
    """Bring the schema up to this version; nothing happens when it is there already."""
    from cobalt_link.store import migrate as steps

    async with open_database_address(where.settings()) as dsn:
        done = await steps.migrate(dsn)
    text = f"Done: {', '.join(done)}." if done else "The schema is up to date."
    say(where.json, {"done": done}, text)


async def backup(file: File, /, *, where: Where = HERE) -> None:
    """Write the whole database to one file (mode 0600), beside a running server.

    The master key is not in it: keep a copy of master.key elsewhere, neither opens without the other.
    """
    from cobalt_link.store import backup as copies

    settings = where.settings()
    async with open_database_address(settings) as dsn:
        await copies.backup(dsn, file, settings.postgres_bin)
    text = f"{file} is written ({file.stat().st_size} bytes). It needs this installation's master.key to be of any use."
    say(where.json, {"file": str(file), "bytes": file.stat().st_size}, text)


async def restore(
    file: File,
    /,
    *,
    replace: Annotated[bool, Parameter(negative=(), help="Drop what the database holds now.")] = False,
    where: Where = HERE,
) -> None:
    """Read a backup into an empty database, all or nothing. Stop `serve` and `worker` first."""
    from cobalt_link.store import backup as copies

    settings = where.settings()
    async with open_database_address(settings) as dsn:
        await copies.restore(dsn, file, settings.postgres_bin, replace=replace)
    say(
        where.json, {"file": str(file)}, f"{file} is restored. Start `cobalt serve` with the master.key of that backup."
    )
