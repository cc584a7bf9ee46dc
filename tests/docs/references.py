"""What a file says of other documents: names of pages, and sections such as "contract §4.5"."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.docs.samples import DOCS

# How a document is spoken of, and the page that it is. Its headings bear the numbers.
DOCUMENTS = {
    "architecture": DOCS / "develop" / "architecture.md",
    "contract": DOCS / "develop" / "contract.md",
    "pages": DOCS / "develop" / "pages.md",
}
PAGE = re.compile(r"(?<![\w./:-])[\w./-]*\w\.md\b")
SOURCE = re.compile(r"(?<![\w./:{}$-])[a-z_]+(?:/[\w.-]+)*/[\w.-]+\.(?:py|tsx?|mjs|css|html|sql|toml)\b")
SECTION = re.compile(r"§ ?(?P<section>\d+(?:\.\d+)*)(?:,? rows? (?P<rows>\d+(?:(?:, | and )\d+)*))?")
# Who a section belongs to: the last of these before it, in the same paragraph.
OWNER = re.compile(
    r"\bRFC \d+|\b(?:design|ui|lessons|examples)\b(?:\.md)?|\b(?:[cC]ontract|architecture|pages)\b(?:'s)?"
)
NEAR = 160  # characters before a section in which its document is named
ROW = re.compile(r"^\| (\d+) \|", re.M)


def pages_named(text: str) -> Iterator[str]:
    """Names of Markdown files as they are spoken of, without those in web addresses."""
    for found in PAGE.finditer(text):
        yield found[0].lstrip("./")


def sources_named(text: str) -> list[str]:
    """Names of source files with at least one folder, such as `net/http.py`."""
    return SOURCE.findall(text)


def sections_named(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """(document, section, rows) for each § that is not of an RFC; the document is "" where none is named nearby."""
    for found in SECTION.finditer(text):
        before = text[max(0, found.start() - NEAR) : found.start()]
        owners = OWNER.findall(before.rpartition("\n\n")[2])
        owner = owners[-1].lower().removesuffix("'s").removesuffix(".md") if owners else ""
        if not owner.startswith("rfc"):
            yield owner, found["section"], re.findall(r"\d+", found["rows"] or "")


def is_there(document: str, section: str, rows: list[str]) -> bool:
    page = DOCUMENTS.get(document)
    if page is None or section not in _sections(page):
        return False
    return set(rows) <= set(ROW.findall(_sections(page)[section]))


@cache
def _sections(page: Path) -> dict[str, str]:
    """The numbered sections of a page: number to text."""
    parts = re.split(r"^#{2,} (\d+(?:\.\d+)*)\.? [^\n]+\n", page.read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
