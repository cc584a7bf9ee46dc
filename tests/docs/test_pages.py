"""The pages as a whole: every link leads somewhere, every page can be found, and they speak of this project alone."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docs.samples import DOCS, ROOT, pages
from tests.house.tree import tracked_files

LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<to>[^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
# Standards that we implement and programs that we run on; nobody else is spoken about.
ABROAD = {"www.gnuhealth.org", "c2sp.org", "www.rfc-editor.org", "github.com"}
ELSEWHERE = re.compile(
    r"\b(?:TODO|FIXME|TBD|coming soon|competitors?|issue #?\d+|(?:design|lessons)(?:\.md|  *§))", re.I
)


def anchors(page: Path) -> set[str]:
    """As they are made from headings: lower case, no punctuation, hyphens for blanks."""
    headings = re.findall(
        r"^#+ (.+)$", CODE.sub(lambda found: found[0] if found[0][1] != "`" else "", page.read_text()), re.M
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    return [found["to"] for found in LINK.finditer(CODE.sub("", page.read_text()))]


def each_of(found: Sequence[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", found, ids=lambda page: page.relative_to(ROOT).as_posix())


@each_of(sorted({*pages(), *(path for path in tracked_files() if path.suffix == ".md")}))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        where, _, anchor = link.partition("#")
        if "://" in where:
            assert where.split("/")[2] in ABROAD, link
            continue
        target = (page.parent / where).resolve() if where else page
        assert target.is_relative_to(ROOT) and target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_index() -> None:
    index = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md")}
    assert not [page.name for page in pages() if page not in index and page.name != "README.md"]


@each_of(pages())
def test_the_pages_keep_to_their_subject(page: Path) -> None:
    assert not ELSEWHERE.findall(page.read_text())
