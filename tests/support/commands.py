"""The command `cobalt` in a forked process that has all code imported: a start of Python costs half a second."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from cobalt_link.cli.main import COMMANDS, main

# What the commands import when they run.
for _module in {path.partition(":")[0] for _, _, path, _ in COMMANDS} | {"failures", "installation", "output"}:
    import_module(f"cobalt_link.cli.{_module}")


def execute(words: tuple[str, ...], env: dict[str, str], folder: str) -> None:
    """In the new process: as `python -m cobalt_link` with this environment. `out` and `err` in `folder` get what it
    prints."""
    os.environ.clear()
    os.environ.update(env)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.path[:0] = [part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part]
    tempfile.tempdir = None  # as TMPDIR says
    sys.exit(main(list(words)))
