"""The samples in the pages, each with the mark before it that says what a test does with it.

<!-- runs -->        a block of commands, run in the order of the page; `runs: NAME` also keeps what it prints
<!-- stays -->       a command that runs until the page ends, once it has said its address
<!-- answers: NAME -->  what the block NAME prints, with the same keys
<!-- app: FILE -->   a whole program
<!-- not run: WHY -->
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MARKS = ("runs", "stays", "answers", "app", "not run", "settings")
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[a-z ]+?)(?:: (?P<name>[^\n]+?))? -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)


class Sample(NamedTuple):
    page: str
    mark: str | None
    name: str | None
    kind: str
    text: str


@cache
def pages() -> tuple[Path, ...]:
    """Everything that a reader is led to."""
    return (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))


def samples(page: Path) -> list[Sample]:
    """The fenced blocks of a page, in order."""
    where = page.relative_to(ROOT).as_posix()
    found = FENCE.finditer(page.read_text())
    return [Sample(where, each["mark"], each["name"], each["kind"], each["text"]) for each in found]


def run_here(page: Path) -> list[Sample]:
    return [each for each in samples(page) if each.mark in ("runs", "stays")]
