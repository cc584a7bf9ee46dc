"""A virtual screen (Xvfb) with a keyboard (xdotool). To a browser its keys are those of a real keyboard."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Screen:
    """`env`: the environment for a program that should show on this screen."""

    def __init__(self, display: str) -> None:
        self.env = os.environ | {"DISPLAY": display, "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1"}

    async def press(self, *keys: str) -> None:
        """Presses keys by name: `Tab`, `Return`, `Escape`."""
        await self._xdotool("key", "--clearmodifiers", *keys)

    async def type(self, text: str) -> None:
        await self._xdotool("type", "--clearmodifiers", text)

    async def _xdotool(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec("xdotool", *words, env=self.env)
        assert await process.wait() == 0, words


@asynccontextmanager
async def screen() -> AsyncIterator[Screen]:
    """An empty screen. Xvfb itself picks a free number for it."""
    reading, writing = os.pipe()
    command = ("Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
    quiet = asyncio.subprocess.DEVNULL
    with os.fdopen(reading) as display:
        process = await asyncio.create_subprocess_exec(*command, pass_fds=(writing,), stdout=quiet, stderr=quiet)
        os.close(writing)
        number = await asyncio.to_thread(display.readline)  # comes once the screen is ready
        assert number, "Xvfb ended"
        try:
            yield Screen(f":{number.strip()}")
        finally:
            process.terminate()
            await process.wait()
