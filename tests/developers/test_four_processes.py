import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from cobalt_link.developers.clients import Client, Clients
from cobalt_link.kit.clock import SystemClock
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from tests.cli.cobalt import free_port, running


@pytest.fixture
async def four(dsn: str, tmp_path: Path) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """Four servers on one database, as HTTP clients, and the operator's hand on their clients."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    Keyring.generate().save(data / "master.key")
    env = {"DATABASE_URL": dsn, "COBALT_RATE_LIMITS": "off", "COBALT_POOL_SIZE": "2", "COBALT_LOG_LEVEL": "warning"}
    async with AsyncExitStack() as stack:
        servers = [running("serve", "--port", str(free_port()), data=data, home=tmp_path, **env) for _ in range(4)]
        started = await asyncio.gather(*(stack.enter_async_context(each) for each in servers))
        yield [
            await stack.enter_async_context(
                httpx2.AsyncClient(base_url=each.said["url"], trust_env=False, verify=False)
            )
            for each in started
        ]


@pytest.fixture
def operator(db: Database, tmp_path: Path, four: list[httpx2.AsyncClient]) -> Clients:
    return Clients(db, Vault(Keyring.load(tmp_path / "data" / "master.key")), SystemClock())


async def status(server: httpx2.AsyncClient, client: Client, secret: str) -> int:
    headers = {"client_id": client.client_id, "client_secret": secret}
    return (await server.get("/v1/orgs", headers=headers)).status_code


# S-008 S-128
async def test_secrets_rotate_under_load_and_end_within_a_second_on_four_processes(
    four: list[httpx2.AsyncClient], operator: Clients
) -> None:
    client, secret = await operator.create("Acme")
    known_to_the_app, answers, done = [secret], [], asyncio.Event()

    async def app(server: httpx2.AsyncClient) -> None:
        while not done.is_set():
            answers.append(await status(server, client, known_to_the_app[0]))
            await asyncio.sleep(0.05)  # four of them: at most 80 requests in a second

    calling = [asyncio.ensure_future(app(server)) for server in four]
    for _ in range(20):
        known_to_the_app[0] = await operator.rotate_secret(client, timedelta(hours=1))
        enough = len(answers) + 4
        while len(answers) < enough:
            await asyncio.sleep(0.01)
    done.set()
    await asyncio.gather(*calling)
    assert set(answers) == {200}

    old = known_to_the_app[0]
    fresh = await operator.rotate_secret(client, timedelta())
    revoked = time.monotonic()
    assert max(await asyncio.gather(*(refused(server, client, old) for server in four))) - revoked < 1
    assert [await status(server, client, fresh) for server in four] == [200] * 4

    await operator.disable(client)
    disabled = time.monotonic()
    assert max(await asyncio.gather(*(refused(server, client, fresh) for server in four))) - disabled < 1


async def refused(server: httpx2.AsyncClient, client: Client, secret: str) -> float:
    """The moment of the last answer that was not a refusal; gives up after three seconds."""
    last = time.monotonic()
    async with asyncio.timeout(3):
        while await status(server, client, secret) != 401:
            last = time.monotonic()
            await asyncio.sleep(0.01)
    return last
