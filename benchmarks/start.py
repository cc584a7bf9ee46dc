"""From the command to ready, warm and cold, for `cobalt serve` and `cobalt demo`; and how much of it Python imports."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.telling import spread
from benchmarks.world import ended, free_port, outside
from cobalt_link.vault import Keyring

TARGET = 3.0  # seconds, warm


async def run(rounds: int = 3) -> None:
    """Each of the two on a folder of its own: the first start is the cold one, the baseline of those after it."""
    for command, ports in (("serve", 1), ("demo", 3)):
        with tempfile.TemporaryDirectory(prefix="cobalt-bench-") as folder:
            Keyring.generate().save(Path(folder) / "master.key")
            cold, *warm = [await _started(command, folder, ports) for _ in range(1 + rounds)]
        middle = sorted(warm)[rounds // 2]
        verdict = "reached" if middle <= TARGET else "missed"
        print(f"cobalt {command}, seconds to ready: warm {spread(warm)}; cold {cold:.2f}, ratio {cold / middle:.2f}")
        print(f"  target {TARGET:.1f} warm: {verdict}")
    nothing, everything = [], []
    for _ in range(rounds):
        nothing.append(await _imported("pass"))
        everything.append(await _imported("import cobalt_link.app"))
    print(f"seconds of an empty Python: {spread(nothing)}; of one that imports the server: {spread(everything)}")


async def _started(command: str, folder: str, ports: int) -> float:
    """Seconds until the program has said that it is ready; it is stopped, and waited for, afterwards."""
    names = ("--port", "--scribe-port", "--sandbox-port")[:ports]
    places = [part for name in names for part in (name, str(free_port()))]
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cobalt_link", command, "--data", folder, "--json", *places,
        env=outside() | {"PYTHONUNBUFFERED": "1"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout
        async with asyncio.timeout(50):
            said = await process.stdout.readline()
        if not said:
            raise RuntimeError(f"cobalt {command} ended before it was ready.")
        return time.perf_counter() - began
    finally:
        await ended(process)


async def _imported(code: str) -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    await process.wait()
    return time.perf_counter() - began
