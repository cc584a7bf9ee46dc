"""The real `cobalt` command: programs of their own on one data folder, and the one address in front of the servers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from tests.cli.cobalt import cobalt, environment, free_port
from tests.support.commands import execute
from tests.support.processes import forks
from tests.support.world import CALLBACK

COBALT = Path(sys.executable).with_name("cobalt")


class Program:
    """One running command. `port` is a server's."""

    def __init__(self, process: asyncio.subprocess.Process, port: int | None = None) -> None:
        self.process, self.port = process, port

    @property
    def runs(self) -> bool:
        return self.process.returncode is None

    async def ready(self) -> dict[str, Any]:
        """What a server says when it answers."""
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("}\n") and (line := await self.process.stdout.readline()):
            text += line.decode()
        return json.loads(text)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.runs:
            self.process.send_signal(number)
        return await self.process.wait()


class Forked:
    """A running command for which Python was not started anew. `folder` gets what it says."""

    def __init__(self, words: tuple[str, ...], env: dict[str, str], folder: Path, port: int | None) -> None:
        folder.mkdir()
        self.process = forks.Process(target=execute, args=(words, env, str(folder)), daemon=True)
        self.process.start()
        self.folder, self.port = folder, port

    @property
    def runs(self) -> bool:
        return self.process.is_alive()

    async def ready(self) -> dict[str, Any]:
        said = self.folder / "out"
        while not (text := said.read_text() if said.exists() else "").endswith("}\n"):
            assert self.runs, (self.folder / "err").read_text()
            await asyncio.sleep(0.02)
        return json.loads(text)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.pid is not None and self.runs:
            os.kill(self.process.pid, number)
        await asyncio.to_thread(self.process.join)
        return self.process.exitcode or 0


class Installation:
    """One data folder with its programs. `env` is what each of them gets as its environment."""

    def __init__(self, data: Path, front: Front, env: dict[str, str], *, forked: bool) -> None:
        self.data, self.front, self.env, self.forked = data, front, env, forked
        self.programs: list[Program | Forked] = []
        self.log = data.parent / "programs.log"

    async def run(self, *words: str) -> Any:
        """A command to its end, beside whatever runs."""
        said = await cobalt(*words, "--json", data=self.data, **self.env)
        assert said.code == 0, said
        return said.json

    async def serve(self) -> Program | Forked:
        port = free_port()
        program = await self._cobalt("serve", "--port", str(port), "--public-url", self.front.address, port=port)
        await program.ready()
        self.front.ports.append(port)
        return program

    async def uvicorn(self) -> Program:
        """The same app in another ASGI server."""
        port = free_port()
        words = ("-m", "uvicorn", "--factory", "cobalt_link.app:Application", "--port", str(port))
        more = {"COBALT_DATA": str(self.data), "COBALT_PUBLIC_URL": self.front.address}
        program = await self._start(sys.executable, *words, port=port, **more)
        assert program.process.stderr is not None
        while b"running on" not in (line := await program.process.stderr.readline()):
            assert line, "uvicorn ended"
        self.front.ports.append(port)
        return program

    async def worker(self) -> Program | Forked:
        return await self._cobalt("worker")

    async def kill(self, *programs: Program | Forked) -> None:
        """-9: without a word to anybody."""
        await asyncio.gather(*(program.end(signal.SIGKILL) for program in programs))
        ended = [program.port for program in programs]
        self.front.ports = [port for port in self.front.ports if port not in ended]

    async def stop(self, program: Program | Forked) -> int:
        """With grace; its exit code."""
        self.front.ports = [port for port in self.front.ports if port != program.port]
        return await program.end()

    async def app(self, name: str = "Acme Scribe") -> dict[str, str]:
        """The credentials of a new client, as headers."""
        made = await self.run("clients", "create", name, "--test", "--callback-url", CALLBACK)
        return {each: made[each] for each in ("client_id", "client_secret")}

    async def _cobalt(self, *words: str, port: int | None = None) -> Program | Forked:
        words = (*words, "--json", "--data", str(self.data))
        if not self.forked:
            return await self._start(str(COBALT), *words, port=port)
        folder = self.data.parent / f"program-{len(self.programs)}"
        self.programs.append(Forked(words, environment(self.data.parent, **self.env), folder, port))
        return self.programs[-1]

    async def _start(self, *words: str, port: int | None = None, **more: str) -> Program:
        pipe = asyncio.subprocess.PIPE
        env = environment(self.data.parent, **self.env, **more)
        with self.log.open("ab") as log:
            said = pipe if "uvicorn" in words else log
            process = await asyncio.create_subprocess_exec(
                *words, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=said
            )
        program = Program(process, port)
        self.programs.append(program)
        return program


class Front:
    """What stands before the servers, as a load balancer does: bytes go to the first one that takes a connection."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.ports: list[int] = []

    def browser(self) -> httpx2.AsyncClient:
        """Connects anew for each request, as browsers do when a server is gone."""
        kept = httpx2.Limits(max_keepalive_connections=0)
        return httpx2.AsyncClient(base_url=self.address, trust_env=False, verify=False, timeout=60.0, limits=kept)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in list(self.ports):
            with suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pass(reader, there_writer), _pass(there_reader, writer))
                return
        writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def installed(data: Path, env: dict[str, str], *, forked: bool = False) -> AsyncIterator[Installation]:
    """A data folder with a new key; every program started on it has ended afterwards."""
    port = free_port()
    front = Front(port)
    usual = {"COBALT_ALLOW_PRIVATE_NETWORKS": "true", "COBALT_RATE_LIMITS": "off"}
    place = Installation(data, front, usual | env, forked=forked)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(await asyncio.start_server(front.take, "127.0.0.1", port))
        await place.run("keys", "generate")
        try:
            yield place
        finally:
            await asyncio.gather(*(program.end() for program in place.programs))
