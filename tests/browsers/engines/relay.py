"""Starts Firefox for Playwright and stands between: `python -m tests.browsers.engines.relay FIREFOX ARGUMENTS…`.

Playwright begins every context with a command that Firefox ESR 153 does not know yet. Its answer "unknown command"
becomes "done" here, and nothing else changes; what the command would set is set by preferences. A Firefox that knows
the command does it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterable

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

UNKNOWN_YET = "emulation.setMediaFeaturesOverride"
SPOKEN = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")


class Relay:
    """One session: Playwright's connection here, and ours to Firefox."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: set[int] = set()

    async def answer(self, playwright: ServerConnection) -> None:
        async with connect(f"{self.address}/session", max_size=None, proxy=None) as firefox:
            ways = [
                asyncio.create_task(self._ask(playwright, firefox)),
                asyncio.create_task(self._tell(firefox, playwright)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    async def _ask(self, playwright: AsyncIterable[str | bytes], firefox: ClientConnection) -> None:
        async for said in playwright:
            command = json.loads(said)
            if command["method"] == UNKNOWN_YET:
                self.asked.add(command["id"])
            await firefox.send(said)

    async def _tell(self, firefox: AsyncIterable[str | bytes], playwright: ServerConnection) -> None:
        async for said in firefox:
            answer = json.loads(said)
            if answer.get("id") in self.asked and answer.get("error") == "unknown command":
                said = json.dumps({"type": "success", "id": answer["id"], "result": {}})
            await playwright.send(said)


async def main(program: str, *arguments: str) -> int:
    firefox = await asyncio.create_subprocess_exec(program, *arguments, stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr
    async for line in firefox.stderr:
        spoken = SPOKEN.search(line)
        if spoken:
            relay = Relay(spoken[1].decode())
            async with serve(relay.answer, "127.0.0.1", 0, max_size=None) as server:
                port = next(iter(server.sockets)).getsockname()[1]
                print(f"WebDriver BiDi listening on ws://127.0.0.1:{port}", file=sys.stderr, flush=True)
                async for line in firefox.stderr:
                    sys.stderr.buffer.write(line)
        else:
            sys.stderr.buffer.write(line)
    return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
