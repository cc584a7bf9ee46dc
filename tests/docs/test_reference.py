"""What the code can do and say is in the documents, and the generated pages are fresh."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from cobalt_link import app
from cobalt_link.connector import panes
from cobalt_link.link.pages.closed import CLOSED
from cobalt_link.link.session.states import EventName, SessionState
from tests.docs import reference
from tests.docs.samples import DOCS

LINK = DOCS / "start" / "how-link-works.md"
API = (reference.FOLDER / "api.md").read_text()
ERRORS = (reference.FOLDER / "errors.md").read_text()


@pytest.mark.parametrize(("page", "text"), [pytest.param(*each, id=each[0].name) for each in reference.PAGES.items()])
def test_the_reference_says_what_the_code_says(page: Path, text: Callable[[], str]) -> None:
    assert page.read_text() == text(), "out of date: run make docs"


def test_every_address_is_in_the_reference() -> None:
    paths = {(row.method, path) for routes in app.TABLE for row in routes for path in row.paths}
    assert len(paths) > 20
    told = [line for line in API.splitlines() if line.startswith(("###", "Also at", "|"))]
    assert not [path for _, path in paths if not any(path in line for line in told)]


def test_every_code_has_its_place() -> None:
    assert not [kind.code for kind in reference.own_problems() if f"\n### {kind.code}\n" not in ERRORS]
    assert not [kind.code for kind in reference.own_refusals() if f"\n| `{kind.code}` |" not in ERRORS]
    assert not [code for code in CLOSED if f"\n| `{code}` |" not in ERRORS]


def test_every_state_event_and_pane_of_a_session_is_told() -> None:
    told = LINK.read_text()
    shown = {kind.__name__.lower() for kind in get_args(panes.Pane)} - {"waiting"}
    for name in {*get_args(SessionState), *get_args(EventName), *shown, "approval"}:
        assert f"\n| `{name}` |" in told, name


def test_every_field_that_a_call_asks_for_is_explained() -> None:
    for row in [row for routes in app.TABLE for row in routes if row.body and not row.page]:
        section = API.partition(f"### {row.method} {row.path}\n")[2].partition("\n### ")[0]
        asked = section.partition("\nRequest:")[2].partition("\nAnswer:")[0]
        told = {
            line.split("`")[1]: line.rpartition("|")[0].rpartition("|")[2] for line in asked.splitlines() if "`" in line
        }
        assert row.body and all(told.get(name, "").strip() for name in row.body.__struct_fields__), row
