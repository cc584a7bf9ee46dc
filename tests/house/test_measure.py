"""The measures of the house: each is shown on a few lines whose answer can be counted by hand."""

import ast
from pathlib import Path

import pytest

from tests.house import measure, rooms
from tests.house.tree import ROOT

SMALL = '''"""A docstring of
two lines."""

import sys  # a reason
# Another reason.
x = 1  # noqa: E501


def double(it):
    """Twice."""
    return (
        it * 2
    )
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Two rooms of two files each; the upper one imports the lower, and two of its modules import each other."""
    files = {
        "low/__init__.py": "",
        "low/one.py": "class One:\n    def __init__(self, a, b, *, c=1):\n        self.place = a\n",
        "up/__init__.py": "",
        "up/first.py": "from cobalt_link.low.one import One\nfrom . import second\n\nclass Two(One): ...\n",
        "up/second.py": "def later():\n    from cobalt_link.up.first import Two\n    return Two\n",
        "alone.py": "from cobalt_link.up import first\nfrom cobalt_link import low\n\nclass One: ...\n",
    }
    for name, text in files.items():
        path = tmp_path / "src" / "cobalt_link" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("def test_it() -> None: ...\n\ndef test_other(a): ...\n")
    return tmp_path


def test_a_small_checkout_is_measured(checkout: Path) -> None:
    found = dict(measure.table(checkout))
    assert found["rooms"] == "2"
    assert found["arrows between rooms"] == "3"
    assert found["largest import circle, modules"] == "2"
    assert found["most project imports"] == "2 (cobalt_link.alone)"
    assert found["arguments of a constructor"] == "median 3, p90 3, most 3"
    assert found["class names in two files"] == "1"
    assert found["names with an old private word"].startswith("1 (1 of ")
    assert (found["test functions"], found["test functions without types"]) == ("2", "1")
    assert found["terms in the glossary"] == "no glossary"


def test_arrows_are_read_from_every_kind_of_import(checkout: Path) -> None:
    source = checkout / "src"
    assert rooms.arrows(source) == {("up", "low"), ("alone", "up"), ("alone", "low")}
    assert rooms.imports(source)["cobalt_link.up.second"] == {"cobalt_link.up.first"}


def test_reasons_are_counted_and_docstrings_are_no_code() -> None:
    assert measure.comments_and_code(SMALL) == (2, 6)


def test_the_terms_of_the_glossary_are_its_rows() -> None:
    assert measure.terms("# Words\n\n| term | room |\n|---|---|\n| link session | link |\n| run | signin |\n") == 2


def test_names_fall_into_words() -> None:
    assert measure.words("LinkSessionTable") == measure.words("link_session_table") == ["link", "session", "table"]
    assert measure.words("EHRInstance") == ["ehr", "instance"]
    assert [*measure.names(ast.parse("def f(a):\n    b = self.c\n    self.d = a"))] == ["f", "a", "b", "d"]


def test_two_tables_stand_side_by_side(checkout: Path) -> None:
    text = measure.columns(["before", "after"], [measure.table(checkout), measure.table(checkout)])
    assert text.startswith("| measure | before | after |\n|---|---|---|\n| rooms | 2 | 2 |\n")


def test_what_a_program_writes_costs_nothing() -> None:
    free = ["docs/reference/api.md", "src/cobalt_link/link/pages/static/link.js", "tests/link/pages/aria/code.yaml"]
    paid = ["docs/reference/gnuhealth.md", "src/cobalt_link/link/pages/link.ts", "src/cobalt_link/app.py"]
    assert [name for name in free + paid if not measure.WRITTEN_BY_A_PROGRAM.search(name)] == paid


def test_a_commit_is_told_with_its_files() -> None:
    head, *files = measure.cost("the last one=HEAD")
    assert head.startswith("the last one: ") and len(files) == len(measure.touched("HEAD"))


def test_this_house_can_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    measure.main(["--root", str(ROOT)])
    assert "| largest import circle, modules | 1 |" in capsys.readouterr().out
