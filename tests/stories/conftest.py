"""The people of the stories. The house, the sandbox EHR and GNU Health are real, and so is the network between them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx2
import pytest

from cobalt_link.app import House
from tests.stories.person import Person
from tests.world import Shop, connected, shop

Meet = Callable[..., Person]


@pytest.fixture
async def meet(house: House, client: httpx2.AsyncClient) -> AsyncIterator[Meet]:
    """`meet("user_code")` is a person with a browser of their own and this login."""
    async with AsyncExitStack() as browsers:

        def met(username: str = "user_good", password: str = "pass_good") -> Person:
            http = connected(house)
            browsers.push_async_callback(http.aclose)
            return Person(http, username, password)

        yield met


@pytest.fixture
async def hospital_app(house: House, client: httpx2.AsyncClient) -> Shop:
    """A live app: it links real EHRs and never sees the sandbox."""
    return await shop(house, client, "Ward Notes", test=False)
