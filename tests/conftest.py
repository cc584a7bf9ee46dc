"""A real PostgreSQL for every test that asks: embedded, or the one of COBALT_TEST_DATABASE_URL or DATABASE_URL.

`dsn` is a migrated database of the test's own, copied from a template; `db` is it, opened.
`house` is all of our rooms on it, `client` reaches them over TCP; `acme` and `rival` are two apps, `sandbox` the EHR.
"""

import logging
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import httpx2
import hypothesis
import psycopg
import pytest
import structlog
from playwright.async_api import Browser
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cobalt_link import app
from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.net import http, transport
from cobalt_link.store.database import Database
from cobalt_link.store.embedded import acquire
from cobalt_link.store.migrate import migrate
from sandbox_ehr.server import running
from tests.support import proof
from tests.support.chromium import chromium
from tests.support.clusters import ready_made
from tests.support.databases import Databases, dropped
from tests.support.ehrs.gnuhealth import gnuhealth, gnuhealth_mfa, gnuhealth_two, start_gnuhealth, written_to
from tests.support.world import Sandbox, Shop, open_for_business, opened, settings_for, shop

pytest_plugins = ["tests.house.canaries", "tests.house.folders", "tests.house.workers"]

# A deadline measures the machine, not the code.
hypothesis.settings.register_profile("landing", deadline=None)
hypothesis.settings.load_profile("landing")
if proof.SIZE == "nightly":
    hypothesis.settings.register_profile("nightly", max_examples=proof.PROPERTY_EXAMPLES.times, deadline=None)
    hypothesis.settings.load_profile("nightly")

__all__ = ["gnuhealth", "gnuhealth_mfa", "gnuhealth_two", "ready_made", "start_gnuhealth", "written_to"]


@pytest.fixture(autouse=True)
def the_log_as_it_was() -> Iterator[None]:
    """A command run within a test sends the log to that test's own standard error, which closes with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def trust_read_once() -> Iterator[None]:
    """The machine's certificates. To read them takes as long as a small test, and each client and house would."""
    once = cache(transport.system_trust)
    with patch.object(http, "system_trust", once), patch.object(app, "system_trust", once):
        yield


@pytest.fixture(scope="session")
async def server_dsn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The server under test, as a role that may create databases. Workers of one run share the embedded one."""
    outside = os.environ.get("COBALT_TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if outside:
        yield outside
        return
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    programs = os.environ.get("COBALT_TEST_POSTGRES_BIN")
    async with await acquire(folder / "postgres", Path(programs) if programs else None) as lease:
        yield lease.dsn


@pytest.fixture(scope="session")
async def template(server_dsn: str) -> AsyncIterator[str]:
    """The name of a migrated database that nobody is connected to: made, or the one of COBALT_TEST_TEMPLATE."""
    if made := os.environ.get("COBALT_TEST_TEMPLATE"):
        yield made
        return
    async with database_on(server_dsn) as dsn:
        await migrate(dsn)
        yield str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


@pytest.fixture(scope="session")
async def lender(server_dsn: str, template: str) -> AsyncIterator[Databases]:
    async with Databases.on(server_dsn, template) as lender:
        yield lender


@pytest.fixture
async def dsn(lender: Databases) -> AsyncIterator[str]:
    async with lender.lent() as fresh:
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


@pytest.fixture(scope="session")
async def sandbox_address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with running(data=tmp_path_factory.mktemp("sandbox-ehr")) as address:
        yield address


@pytest.fixture
async def sandbox(sandbox_address: str) -> AsyncIterator[Sandbox]:
    """The sandbox EHR, put back to its first day."""
    async with httpx2.AsyncClient(base_url=sandbox_address, trust_env=False, verify=False, timeout=60) as client:
        assert (await client.post("/api/_lab/reset")).status_code == 200
        yield Sandbox(client, sandbox_address)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The one Chromium of this process. A test opens a context of its own in it, or a window.

    To it, each name under .test is this machine."""
    async with chromium("--host-resolver-rules=MAP *.test 127.0.0.1") as running:
        yield running


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def house(dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path) -> AsyncIterator[House]:
    """Our rooms, opened; nobody serves or works yet."""
    async with opened(settings_for(tmp_path, dsn, sandbox.address), clock) as house:
        yield house


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client of the house, which is served over TCP and has a worker."""
    async with open_for_business(house) as client:
        yield client


@pytest.fixture
async def acme(house: House, client: httpx2.AsyncClient) -> Shop:
    return await shop(house, client, "Acme Scribe")


@pytest.fixture
async def rival(house: House, client: httpx2.AsyncClient) -> Shop:
    return await shop(house, client, "Rival Notes")


@asynccontextmanager
async def database_on(server_dsn: str, template: str = "template1") -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    async with await psycopg.AsyncConnection.connect(server_dsn, autocommit=True) as connection:
        await connection.execute(create)
    try:
        yield make_conninfo(server_dsn, dbname=name)
    finally:  # another connection: a test may have restarted the server
        async with await psycopg.AsyncConnection.connect(server_dsn, autocommit=True) as connection:
            await dropped(connection, name)
