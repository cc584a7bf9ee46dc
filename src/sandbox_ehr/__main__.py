"""The command `python -m sandbox_ehr --host 127.0.0.1 --port 0 --data DIR`."""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from sandbox_ehr.server import serve
from sandbox_ehr.twins import NAMES, PLAIN


async def _serve_until_stopped(host: str, port: int, data: Path | None, like: str) -> None:
    task = asyncio.ensure_future(serve(host, port, data, like=like))
    # Cancelling the task, instead of letting Python raise KeyboardInterrupt, gives the server time to close its sockets
    # and the temporary folder.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> None:
    parser = argparse.ArgumentParser(
        "sandbox_ehr", description="Run a small EHR with made-up patients. Prints its address on one line."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks a free one (default: 0)")
    parser.add_argument("--data", type=Path, help="folder that keeps the data (default: a temporary folder)")
    parser.add_argument(
        "--like",
        choices=NAMES,
        default=PLAIN.name,
        help="vendor whose SMART and FHIR server it acts like (default: none)",
    )
    options = parser.parse_args()
    asyncio.run(_serve_until_stopped(options.host, options.port, options.data, options.like))


if __name__ == "__main__":
    main()
