"""The table of test folders in docs/develop/testing.md, from the budgets that every run is held to."""

import re

from tests.docs.samples import DOCS
from tests.house.folders import FOLDERS

PAGE = DOCS / "develop" / "testing.md"
TABLE = re.compile(r"(?<=<!-- folders: written by `make docs` -->\n).*?(?=<!-- end of the folders -->)", re.S)


def page() -> str:
    """The page with its table written again."""
    return TABLE.sub(lambda _: f"\n{table()}\n", PAGE.read_text())


def table() -> str:
    rows = [f"| `tests/{name}` | {each.tests} | {_time(each.seconds)} |" for name, each in sorted(FOLDERS.items())]
    return "| folder | most tests | takes about |\n|---|---:|---:|\n" + "\n".join(rows) + "\n"


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"
