"""A database is lent again only as new, and never twice at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import LiteralString

import psycopg
import pytest
from psycopg.rows import TupleRow

from tests.support.databases import Databases


@pytest.fixture
async def lender(server_dsn: str, template: str) -> AsyncIterator[Databases]:
    """A lender with one database to give, which was lent before."""
    async with Databases.on(server_dsn, template) as lender:
        async with lender.lent():
            pass
        yield lender


async def oid(dsn: str) -> int:
    """Which database it is, whatever its name."""
    return (await _one(dsn, "SELECT oid FROM pg_database WHERE datname = current_database()"))[0]


async def _one(dsn: str, query: LiteralString) -> TupleRow:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute(query)).fetchone()
        assert row is not None
        return row


async def test_what_was_written_is_gone_and_the_name_is_another(lender: Databases) -> None:
    async with lender.lent() as dsn:
        first, name = await oid(dsn), psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        await _one(dsn, WRITTEN)
    async with lender.lent() as dsn:
        assert await oid(dsn) == first
        assert psycopg.conninfo.conninfo_to_dict(dsn)["dbname"] != name
        assert await _one(dsn, "SELECT count(*) FROM clients") == (0,)
        assert (await _one(dsn, "SELECT count(*) > 0 FROM schema_migrations"))[0]
        number = await _one(dsn, "INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        assert number == (1,)


WRITTEN = """
    WITH client AS (
        INSERT INTO clients (id, client_id, name, env, created_at)
        VALUES (repeat('a', 32), 'ci', 'Acme', 'test', now()) RETURNING id
    ), worker AS (INSERT INTO procrastinate_workers DEFAULT VALUES)
    SELECT id FROM client
"""


async def test_two_tests_at_once_have_two_databases(lender: Databases) -> None:
    async with lender.lent() as one, lender.lent() as other:
        assert await oid(one) != await oid(other)


async def test_who_is_still_connected_is_sent_away(lender: Databases) -> None:
    async with lender.lent() as dsn:
        first, left = await oid(dsn), await psycopg.AsyncConnection.connect(dsn)
    async with lender.lent() as dsn:
        assert await oid(dsn) == first
    with pytest.raises(psycopg.OperationalError):
        await left.execute("SELECT 1")
    await left.close()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (a int)",
        "ALTER TABLE clients ADD COLUMN more int",
        "ALTER TABLE clients ADD CONSTRAINT full_disk CHECK (name = '') NOT VALID",
        "DROP TABLE client_secrets",
        "CREATE INDEX more ON clients (name)",
        "CREATE SCHEMA more",
        "INSERT INTO schema_migrations (number, name) VALUES (9999, '9999_from_the_future.sql')",
        "DELETE FROM schema_migrations",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
async def test_a_database_that_was_changed_is_not_lent_again(lender: Databases, change: LiteralString) -> None:
    async with lender.lent() as dsn:
        first = await oid(dsn)
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute(change)
    async with lender.lent() as dsn:
        assert await oid(dsn) != first
        assert (await _one(dsn, "SELECT count(*) FROM schema_migrations WHERE number = 9999"))[0] == 0


async def test_nothing_is_left_on_the_server(server_dsn: str, template: str) -> None:
    async with Databases.on(server_dsn, template) as lender, lender.lent() as dsn:
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    async with await psycopg.AsyncConnection.connect(server_dsn) as server:
        found = await server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        assert await found.fetchall() == []
