"""The repository stands alone: whatever a file says of a document, a page or a section, is in the repository."""

from pathlib import Path

import pytest

from tests.docs import references
from tests.docs.samples import ROOT
from tests.house.tree import tracked_files, within

# Written in pieces, so that this file does not find itself.
SIGN = "\N{SECTION SIGN}"
NOTHING = "nothing.m" + "d"
HERE = Path(__file__)
KINDS = {"", ".css", ".html", ".jsx", ".md", ".mjs", ".py", ".sh", ".sql", ".toml", ".ts", ".tsx", ".yaml"}
OTHERS = {"LICENSE", "package-lock.json"}
# The connector of the guide, and the source of GNU Health's server.
MADE_UP = ("larkspur/", "trytond/")


def readable() -> list[Path]:
    return [path for path in tracked_files() if path.suffix in KINDS and path.name not in OTHERS and path != HERE]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"contract {SIGN}4.5", ("contract", "4.5", [])),
        (f"the contract's shape ({SIGN}9, rows 4 and 5)", ("contract", "9", ["4", "5"])),
        (f"see architecture {SIGN}4 rule 8", ("architecture", "4", [])),
        ("ui.m" + f"d {SIGN}2", ("ui", "2", [])),
        (f"a contract.\n\nOf nobody: {SIGN}1", ("", "1", [])),
    ],
)
def test_a_section_is_seen_with_its_document(text: str, found: tuple[str, str, list[str]]) -> None:
    assert [*references.sections_named(text)] == [found]


def test_sections_of_standards_are_let_through() -> None:
    assert not [*references.sections_named(f"the contract: RFC 9700 {SIGN}2.1 and {SIGN}4.1")]


def test_a_page_is_seen_and_an_address_is_not() -> None:
    assert [*references.pages_named(f"see docs/{NOTHING} or ../{NOTHING}")] == [f"docs/{NOTHING}", NOTHING]
    assert not [*references.pages_named(f"https://example.org/{NOTHING}")]


def test_a_source_file_is_seen() -> None:
    text = "`net/http.py` and (link/pages/static/link.css), not https://example.org/a.py, /etc/b.toml or c.py"
    assert references.sources_named(text) == ["net/http.py", "link/pages/static/link.css"]


def test_sections_and_rows_that_exist_are_told_from_others() -> None:
    assert references.is_there("contract", "9", ["44"])
    assert references.is_there("contract", "4.5", [])
    assert not references.is_there("contract", "9", ["99"])
    assert not references.is_there("contract", "4.99", [])
    assert not references.is_there("", "1", [])


def test_every_page_that_a_file_names_is_in_the_repository() -> None:
    known = [f"/{within(path)}" for path in tracked_files()]
    named = {(within(path), name) for path in readable() for name in references.pages_named(path.read_text())}
    assert len(named) > 50
    assert not sorted(each for each in named if not any(path.endswith(f"/{each[1]}") for path in known))


def test_every_source_file_that_a_page_or_a_module_names_is_in_the_repository() -> None:
    known = [f"/{within(path)}" for path in tracked_files()]
    files = [path for path in readable() if ROOT / "tests" not in path.parents]  # tests make up names
    named = {(within(path), name) for path in files for name in references.sources_named(path.read_text())}
    missing = [each for each in named if not any(path.endswith(f"/{each[1]}") for path in known)]
    assert len(named) > 50
    assert not sorted(each for each in missing if not each[1].startswith(MADE_UP))


def test_every_section_that_a_file_names_exists() -> None:
    named = [(within(path), *each) for path in readable() for each in references.sections_named(path.read_text())]
    assert len(named) > 20
    assert not [each for each in named if not references.is_there(*each[1:])]


def test_no_file_points_out_of_the_repository() -> None:
    outside = "shared" + "/"
    assert not [within(path) for path in readable() if f"../{outside}" in path.read_text()]
    assert ROOT.name
