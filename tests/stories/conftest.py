"""The people of the stories. The house, the sandbox EHR and GNU Health are real, and so is the network between them."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx2
import pytest

from cobalt_link.app import House
from tests.browsers.chromium.conftest import site, sites
from tests.conftest import database_on
from tests.store.conftest import outside
from tests.stories.person import Person
from tests.support.world import Shop, connected, shop

__all__ = ["outside", "site", "sites"]

Meet = Callable[..., Person]
Databases = Callable[[str], Awaitable[dict[str, str]]]


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


@pytest.fixture
async def databases(request: pytest.FixtureRequest) -> AsyncIterator[Databases]:
    """`await databases("outside")`: the setting that names a new, empty database over TCP; nothing for "embedded"."""
    async with AsyncExitStack() as made:

        async def named(kind: str) -> dict[str, str]:
            if kind == "embedded":
                return {}
            server = os.environ.get("DATABASE_URL") or request.getfixturevalue("outside").dsn
            return {"DATABASE_URL": await made.enter_async_context(database_on(server))}

        yield named
