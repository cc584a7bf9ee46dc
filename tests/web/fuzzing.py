"""Schemathesis against a running server: all checks, in every phase, as one command."""

import asyncio
import sys
from pathlib import Path

# A request can fit its schema and still be refused for what it means: those are the documented 400 and 422.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "422"]

[output]
sanitization.enabled = true
"""


async def fuzz(
    url: str, headers: dict[str, str], folder: Path, *, examples: int, leave_out: str = "", phases: str = ""
) -> str:
    """Everything that schemathesis found wrong with the API at `url`, or "" if it found nothing.

    `leave_out` is a pattern of paths that are not called, `folder` one to work in. `phases` are all if none is named.
    """
    (folder / "schemathesis.toml").write_text(CONFIG)
    more = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    more += ["--phases", phases] if phases else []
    more += ["--exclude-path-regex", leave_out] if leave_out else []
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
        *("run", f"{url}/openapi.json", "--url", url, "--checks", "all", "--max-examples", str(examples)),
        *("--generation-deterministic", "--no-color", *more),
    ]
    running = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await running.communicate()
    return "" if running.returncode == 0 else said.decode()
