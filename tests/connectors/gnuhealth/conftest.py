import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connectors.gnuhealth import GnuHealth
from tests.connectors.gnuhealth import walk
from tests.support.ehrs import gnuhealth_install as install
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import GnuHealth as Bench
from tests.support.ehrs.gnuhealth import prepared


@pytest.fixture
async def connector() -> AsyncIterator[GnuHealth]:
    each = walk.connector()
    yield each
    await each.http.close()


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A server that hides its databases and locks a login at its first wrong password. Beside `riverside`, which has no
    visits, it has `books`, of a Tryton without GNU Health."""
    server = prepared(tmp_path_factory.mktemp("strict"), "riverside", hide_databases=True, max_attempt=0)
    shutil.copy(install.plain_tryton(), server.folder / "books.sqlite")
    server.databases.append("books")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def doctor(written_to: Bench) -> Chart:
    return (await walk.Walk(written_to.url).go(walk.credentials("ccameron", seed.USERS["ccameron"]))).chart
