"""A real PostgreSQL for every test that asks: embedded, or the one of COBALT_TEST_DATABASE_URL or DATABASE_URL.

`dsn` is a migrated database of the test's own, copied from a template and dropped afterwards; `db` is it, opened.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cobalt_link.store.database import Database
from cobalt_link.store.embedded import acquire
from cobalt_link.store.migrate import migrate
from tests.ehrs.gnuhealth import gnuhealth, gnuhealth_mfa, gnuhealth_two, start_gnuhealth

__all__ = ["gnuhealth", "gnuhealth_mfa", "gnuhealth_two", "start_gnuhealth"]


@pytest.fixture(scope="session")
async def server_dsn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The server under test, as a role that may create databases. Workers of one run share the embedded one."""
    outside = os.environ.get("COBALT_TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if outside:
        yield outside
        return
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    async with await acquire(folder / "postgres") as lease:
        yield lease.dsn


@pytest.fixture(scope="session")
async def template(server_dsn: str) -> AsyncIterator[str]:
    """The name of a migrated database that nobody is connected to."""
    async with database_on(server_dsn) as dsn:
        await migrate(dsn)
        yield psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]


@pytest.fixture
async def dsn(server_dsn: str, template: str) -> AsyncIterator[str]:
    async with database_on(server_dsn, template) as fresh:
        yield fresh


@pytest.fixture
async def empty_dsn(server_dsn: str) -> AsyncIterator[str]:
    """A database without any table."""
    async with database_on(server_dsn) as fresh:
        yield fresh


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(dsn)
    yield database
    await database.close()


@asynccontextmanager
async def database_on(server_dsn: str, template: str = "template1") -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    async with await psycopg.AsyncConnection.connect(server_dsn, autocommit=True) as connection:
        await connection.execute(create)
        try:
            yield make_conninfo(server_dsn, dbname=name)
        finally:
            await connection.execute(drop)
