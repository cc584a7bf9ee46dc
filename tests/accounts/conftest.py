import pytest

from cobalt_link.store.database import Database
from tests.accounts.world import World


@pytest.fixture
async def world(db: Database) -> World:
    return World(db)
