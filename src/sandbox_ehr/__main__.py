"""python -m sandbox_ehr --host 127.0.0.1 --port 0 --data DIR"""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from sandbox_ehr.server import serve


async def _serve(host: str, port: int, data: Path | None) -> None:
    task = asyncio.ensure_future(serve(host, port, data))
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> None:
    parser = argparse.ArgumentParser(
        "sandbox_ehr", description="A small EHR with made-up patients. Prints its address."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder to keep; else a temporary one")
    given = parser.parse_args()
    asyncio.run(_serve(given.host, given.port, given.data))


if __name__ == "__main__":
    main()
