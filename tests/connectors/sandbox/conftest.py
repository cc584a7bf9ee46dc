from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.net.http import Http
from tests.connectors.sandbox.runs import chart_of, password, run
from tests.support.world import Sandbox

Open = Callable[..., Awaitable[Chart]]


@pytest.fixture
async def connector() -> AsyncIterator[Connector]:
    http = Http(allow_private=True)
    yield Connector(http)
    await http.close()


@pytest.fixture
async def hasty() -> AsyncIterator[Connector]:
    """The connector with a client that soon stops waiting."""
    http = Http(allow_private=True, timeout=0.3)
    yield Connector(http)
    await http.close()


@pytest.fixture
def opened(sandbox: Sandbox) -> Open:
    """`await opened("user_good")`: a chart of that user, with further steps after the password."""

    async def open_(username: str = "user_good", *steps: dict[str, str]) -> Chart:
        return chart_of(await run(sandbox.address, password(username), *steps), sandbox.address)

    return open_


@pytest.fixture
async def chart(opened: Open) -> Chart:
    return await opened()
