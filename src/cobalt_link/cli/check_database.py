"""The doctor's check of the database: connection, durability, version, encryption, clock, migrations, and LISTEN."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import psycopg
from psycopg import AsyncConnection

from cobalt_link.cli.diagnostics import Diagnostic, fail, ok, warn
from cobalt_link.store.binaries import Binaries, missed_releases
from cobalt_link.store.connection import connect
from cobalt_link.store.database import Database
from cobalt_link.store.errors import DatabaseUnavailable, UnsafeDatabase
from cobalt_link.store.migrate import SchemaTooNew, pending

CHANNEL = "cobalt_doctor"
TIMEOUT = 3.0  # seconds that a notification may take
SERVER = """
SELECT current_setting('server_version') AS version, clock_timestamp() AS now, inet_server_addr() IS NULL AS local,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS ssl"""


async def check_database(dsn: str) -> list[Diagnostic]:
    """All diagnostics of one database. Only one if the database cannot be reached."""
    try:
        database = await Database.open(dsn, size=2)
    except UnsafeDatabase as unsafe:
        return [fail("database", str(unsafe), "change the server's settings, then run doctor again")]
    except (DatabaseUnavailable, psycopg.Error) as error:
        return [
            fail("database", " ".join(str(error).split()), "correct DATABASE_URL or the server, then run doctor again")
        ]
    try:
        return [*await _server(database), await _schema(dsn), await _listen(dsn)]
    finally:
        await database.close()


def check_programs(binaries: Binaries) -> Diagnostic:
    """Which PostgreSQL programs are used, who keeps them up to date, and whether they missed a release."""
    version = binaries.version
    text = f"version {version} from {binaries.origin} ({binaries.path})"
    missed = missed_releases(version, datetime.now(UTC).date())
    if missed:
        text = f"{text} misses at least {missed} scheduled release{'s'[: missed > 1]}, which mend security faults"
        return warn("PostgreSQL programs", text, f"update {binaries.origin}, then restart")
    return ok("PostgreSQL programs", f"{text}; no scheduled release is missing")


async def _server(database: Database) -> list[Diagnostic]:
    before = datetime.now(UTC)
    row = await database.one(SERVER)
    assert row is not None
    after = datetime.now(UTC)
    findings = [ok("database", f"PostgreSQL {row['version']}; commits are durable"), skew(row["now"], before, after)]
    if not row["local"] and not row["ssl"]:
        findings.append(warn("connection", "not encrypted", "add ?sslmode=verify-full to the address of the database"))
    return findings


def skew(theirs: datetime, before: datetime, after: datetime) -> Diagnostic:
    """The difference between the clocks, without the time that the query took. `theirs` is the database's."""
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if apart < 2:
        return ok("clock", "agrees with the clock of the database")
    text = f"differs by {apart:.0f} s from the clock of the database, so tokens would end too early or too late"
    return (fail if apart > 60 else warn)("clock", text, "run an NTP client on both machines")


async def _schema(dsn: str) -> Diagnostic:
    try:
        missing = await pending(dsn)
    except SchemaTooNew as error:
        return fail("schema", str(error), "start the newer release")
    if missing:
        text = f"{len(missing)} migrations are missing: {', '.join(missing)}"
        return warn("schema", text, "run `cobalt migrate`, or start `cobalt serve`")
    return ok("schema", "up to date")


async def _listen(dsn: str) -> Diagnostic:
    """Whether a signal arrives. Behind a transaction pooler, a LISTEN ends with its transaction."""
    async with (
        await connect(dsn) as listener,
        await connect(dsn) as notifier,
    ):
        await listener.execute(f"LISTEN {CHANNEL}")
        heard = asyncio.ensure_future(_first(listener))
        await notifier.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        if await heard:
            return ok("LISTEN", "signals arrive")
    return warn(
        "LISTEN",
        "signals do not arrive, probably because of a transaction pooler such as PgBouncer",
        "use the address of the server itself, or set pool_mode = session; otherwise users wait for the next poll",
    )


async def _first(listener: AsyncConnection) -> bool:
    async for _ in listener.notifies(timeout=TIMEOUT, stop_after=1):
        return True
    return False
