"""Asks whether a locked package has a known vulnerability: `python -m tests.house.audit`, as `make audit` does.

pip-audit asks PyPI or, with PIP_AUDIT_VULNERABILITY_SERVICE=osv, the service OSV. A package of which the service did
not know, or about which it did not answer, is a failure: pip-audit would call that "no known vulnerabilities".
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

LOCKS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
UNANSWERED = """\
Not every package was audited, so this is no result. The audit needs a vulnerability service: PyPI's own JSON API, which
most mirrors of PyPI lack, or OSV (https://api.osv.dev). Run `make audit` where one can be reached, the second with
PIP_AUDIT_VULNERABILITY_SERVICE=osv."""


def audit(locks: tuple[Path, ...] = LOCKS) -> int:
    """0 if each package was looked up and none has a known vulnerability. Else it says why."""
    files = [word for lock in locks for word in ("-r", str(lock))]
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--strict",
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner=off",
    ]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    # Without the lines of a traceback.
    said = [line for line in done.stderr.splitlines() if line and not line.startswith((" ", "Traceback"))]
    # It prints a table only if it found something. Otherwise its last line says what went wrong.
    if done.returncode and not done.stdout.strip():
        print(said[-1] if said else f"pip-audit ended with {done.returncode}.", UNANSWERED, sep="\n", file=sys.stderr)
    elif said:
        print(said[-1], file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(audit())
