"""Starts Firefox and relays between it and Playwright: `python -m tests.browsers.engines.relay FIREFOX ARGUMENTS…`.

Playwright begins each context with a command that Firefox ESR 153 does not know. The relay turns the answer "unknown
command" into "done", and passes everything else on. firefox.py sets by preferences what the command would set.
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
LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")


class Relay:
    """One session: the connection from Playwright and ours to Firefox."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.ignored: set[int] = set()

    async def answer(self, playwright: ServerConnection) -> None:
        async with connect(f"{self.address}/session", max_size=None, proxy=None) as firefox:
            directions = [
                asyncio.create_task(self._send_commands(playwright, firefox)),
                asyncio.create_task(self._send_answers(firefox, playwright)),
            ]
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for direction in directions:
                direction.cancel()

    async def _send_commands(self, playwright: AsyncIterable[str | bytes], firefox: ClientConnection) -> None:
        async for message in playwright:
            command = json.loads(message)
            if command["method"] == UNKNOWN_YET:
                self.ignored.add(command["id"])
            await firefox.send(message)

    async def _send_answers(self, firefox: AsyncIterable[str | bytes], playwright: ServerConnection) -> None:
        async for message in firefox:
            answer = json.loads(message)
            if answer.get("id") in self.ignored and answer.get("error") == "unknown command":
                message = json.dumps({"type": "success", "id": answer["id"], "result": {}})
            await playwright.send(message)


async def main(program: str, *arguments: str) -> int:
    firefox = await asyncio.create_subprocess_exec(program, *arguments, stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr
    async for line in firefox.stderr:
        listening = LISTENING.search(line)
        if listening:
            relay = Relay(listening[1].decode())
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
