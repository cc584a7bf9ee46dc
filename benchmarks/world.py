"""What the benchmarks run on: a data folder of their own, a server in a process of its own, a test client."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import msgspec

from cobalt_link.developers.clients import Clients
from cobalt_link.kit.clock import SystemClock
from cobalt_link.settings import Settings, load
from cobalt_link.store import embedded
from cobalt_link.store.database import Database
from cobalt_link.store.migrate import migrate
from cobalt_link.vault import Keyring, Vault


class World(msgspec.Struct):
    """An open database with a client; `env` is what a server process needs to run on it."""

    settings: Settings
    db: Database
    vault: Vault
    client: str
    headers: dict[str, str]
    env: dict[str, str]

    async def app(self, callback: str) -> dict[str, str]:
        """Another test client, with a callback; the headers that it sends."""
        clients = Clients(self.db, self.vault, SystemClock())
        client, secret = await clients.create("Bench app", test=True, callback_urls=[callback])
        return {"client_id": client.client_id, "client_secret": secret}


@asynccontextmanager
async def world(**more: str) -> AsyncIterator[World]:
    """A fresh one, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="cobalt-bench-") as folder:
        data = Path(folder)
        Keyring.generate().save(data / "master.key")
        env = {"COBALT_DATA": folder, "COBALT_RATE_LIMITS": "off", "COBALT_ALLOW_PRIVATE_NETWORKS": "true", **more}
        settings = load({}, env)
        async with await embedded.acquire(settings.postgres_path, None) as lease:
            await migrate(lease.dsn)
            db = await Database.open(lease.dsn)
            vault = Vault(Keyring.load(data / "master.key"))
            client, secret = await Clients(db, vault, SystemClock()).create("Bench", test=True)
            keys = {"client_id": client.client_id, "client_secret": secret}
            try:
                yield World(settings, db, vault, client.id, keys, env | {"DATABASE_URL": lease.dsn})
            finally:
                await db.close()


@asynccontextmanager
async def program(*command: str, env: dict[str, str], port: int, path: str = "/readyz") -> AsyncIterator[int]:
    """A Python program that serves on `port`; gives its process id once it answers. Ended by its id."""
    output = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=outside() | env, stdout=output, stderr=output
    )
    try:
        await _answers(process, port, path)
        yield process.pid
    finally:
        await ended(process)


def outside() -> dict[str, str]:
    """Our own environment without COBALT_PROOF, which is of the tests and no setting of the server."""
    return {name: value for name, value in os.environ.items() if name != "COBALT_PROOF"}


async def ended(process: asyncio.subprocess.Process) -> None:
    """Asks a program to end, and ends it after 20 seconds."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(20):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise RuntimeError("A program did not end when it was asked to.") from None


async def _answers(process: asyncio.subprocess.Process, port: int, path: str) -> None:
    """Returns once the program answers 200; raises when it ends, or after 30 seconds."""
    async with asyncio.timeout(30), httpx2.AsyncClient(trust_env=False) as http:
        while process.returncode is None:
            with suppress(httpx2.TransportError):
                if (await http.get(f"http://127.0.0.1:{port}{path}")).status_code == 200:
                    return
            await asyncio.sleep(0.005)
    raise RuntimeError(f"The program on port {port} ended with {process.returncode}.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
