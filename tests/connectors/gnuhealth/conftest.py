from collections.abc import AsyncIterator

import pytest

from cobalt_link.connectors.gnuhealth import GnuHealth
from tests.connectors.gnuhealth import walk


@pytest.fixture
async def connector() -> AsyncIterator[GnuHealth]:
    each = walk.connector()
    yield each
    await each.http.close()
