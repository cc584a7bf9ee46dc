"""Doctor's look at the database: reachable, safe, new enough, migrated, LISTEN works, same time, encrypted way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import psycopg
from psycopg import AsyncConnection

from cobalt_link.cli.diagnostics import Diagnostic, fail, ok, warn
from cobalt_link.store.database import Database
from cobalt_link.store.errors import DatabaseUnavailable, UnsafeDatabase
from cobalt_link.store.migrate import SchemaTooNew, pending

CHANNEL = "cobalt_doctor"
PATIENCE = 3.0  # seconds that a notification may take
SERVER = """
SELECT current_setting('server_version') AS version, clock_timestamp() AS now, inet_server_addr() IS NULL AS local,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS ssl"""


async def check_database(dsn: str) -> list[Diagnostic]:
    """All findings about one database; only the first when it cannot be reached."""
    try:
        database = await Database.open(dsn, size=2)
    except UnsafeDatabase as unsafe:
        return [fail("database", str(unsafe), "change the server's settings, then run doctor again")]
    except (DatabaseUnavailable, psycopg.Error) as error:
        return [fail("database", " ".join(str(error).split()), "check DATABASE_URL and that the server runs")]
    try:
        return [*await _server(database), await _schema(dsn), await _listen(dsn)]
    finally:
        await database.close()


async def _server(database: Database) -> list[Diagnostic]:
    before = datetime.now(UTC)
    row = await database.one(SERVER)
    assert row is not None
    after = datetime.now(UTC)
    findings = [ok("database", f"PostgreSQL {row['version']}; commits are durable"), skew(row["now"], before, after)]
    if not row["local"] and not row["ssl"]:
        findings.append(
            warn("way to the database", "not encrypted", "add ?sslmode=verify-full to the database's address")
        )
    return findings


def skew(theirs: datetime, before: datetime, after: datetime) -> Diagnostic:
    """The difference of the clocks, as far as the time of the question does not explain it."""
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if apart < 2:
        return ok("clock", "agrees with the database's")
    text = f"{apart:.0f} s apart from the database's; tokens would end too early or too late"
    return (fail if apart > 60 else warn)("clock", text, "run an NTP client on both machines")


async def _schema(dsn: str) -> Diagnostic:
    try:
        missing = await pending(dsn)
    except SchemaTooNew as error:
        return fail("schema", str(error), "start the newer release")
    if missing:
        return warn("schema", f"{len(missing)} steps behind: {', '.join(missing)}", "cobalt migrate, or start serve")
    return ok("schema", "up to date")


async def _listen(dsn: str) -> Diagnostic:
    """Whether a signal arrives. Behind a transaction pooler the LISTEN is gone with its transaction."""
    async with (
        await AsyncConnection.connect(dsn, autocommit=True) as ear,
        await AsyncConnection.connect(dsn, autocommit=True) as mouth,
    ):
        await ear.execute(f"LISTEN {CHANNEL}")
        heard = asyncio.ensure_future(_first(ear))
        await mouth.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        if await heard:
            return ok("LISTEN", "signals arrive")
    return warn(
        "LISTEN",
        "signals do not arrive: this looks like a transaction pooler (PgBouncer and the like)",
        "give the server's own address, or set pool_mode = session; without it users wait for the next poll",
    )


async def _first(ear: AsyncConnection) -> bool:
    async for _ in ear.notifies(timeout=PATIENCE, stop_after=1):
        return True
    return False
