from collections.abc import AsyncIterator

import pytest

from cobalt_link.connectors.smart import Smart
from cobalt_link.net.http import Http
from tests.support.ehrs.smart import App, Registered, SmartEhr, smart_ehr


@pytest.fixture
async def ehr() -> AsyncIterator[SmartEhr]:
    async with smart_ehr() as running:
        yield running


@pytest.fixture
async def connector(ehr: SmartEhr) -> AsyncIterator[Smart]:
    http = Http(allow_private=True, timeout=2.0)
    yield Smart(http, Registered(App(ehr.address)))
    await http.close()
