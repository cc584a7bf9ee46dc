"""The real command in a process of its own, with nothing of this machine's settings."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), **more}


async def cobalt(*words: str | Path, data: Path, **env: str) -> Said:
    """Run `cobalt` to its end; a variable given as a keyword goes into its environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cobalt_link",
        *(str(word) for word in words),
        "--data",
        str(data),
        env=environment(data.parent, **env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
