from collections.abc import AsyncIterator

import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connectors.gnuhealth import GnuHealth
from tests.connectors.gnuhealth import walk
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import GnuHealth as Bench
from tests.support.ehrs.gnuhealth import Start


@pytest.fixture
async def connector() -> AsyncIterator[GnuHealth]:
    each = walk.connector()
    yield each
    await each.http.close()


@pytest.fixture(scope="session")
def written_to(start_gnuhealth: Start) -> Bench:
    """A server for the tests that write: the others count what is there."""
    return start_gnuhealth()


@pytest.fixture(scope="module")
async def doctor(written_to: Bench) -> Chart:
    return (await walk.Walk(written_to.url).go(walk.credentials("ccameron", seed.USERS["ccameron"]))).chart
