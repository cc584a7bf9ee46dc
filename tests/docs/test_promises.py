"""docs/develop/promises.md names each promise once, with the tests that quote its id."""

import ast

from tests.docs import promises

# "P" stands for "S", so that this file proves no promise by naming it.
SAMPLE = '''\
"""What a file as a whole proves: P-001."""

# P-002
# a second line
@mark
def test_one():
    """P-003"""
    assert works  # P-004 and EP-256

def helper():
    # P-005
    pass
'''.replace("P-", "S-")


def test_a_quote_belongs_to_the_test_that_it_is_in() -> None:
    found = [(promise.replace("S", "P"), name) for promise, name in promises.quotes(SAMPLE, ast.parse(SAMPLE))]
    assert found == [("P-001", ""), *((f"P-00{n}", "test_one") for n in (2, 3, 4)), ("P-005", "")]


def test_every_id_is_given_once_and_in_order() -> None:
    ids = [each["id"] for section in promises.promises() for each in section["promise"]]
    assert ids == sorted(set(ids))
    assert len(ids) >= 150


def test_every_id_that_a_test_quotes_is_a_promise() -> None:
    ids = {each["id"] for section in promises.promises() for each in section["promise"]}
    assert not set(promises.tests_by_promise()) - ids


def test_the_page_tells_proven_promises_from_open_ones() -> None:
    entries = promises.page("").split("\n### ")[1:]
    proven = {entry[:5] for entry in entries if "\n- [`tests/" in entry}
    missing = {entry[:5] for entry in entries if "\nTests: **open**" in entry}
    assert proven == set(promises.tests_by_promise())
    assert len(proven) + len(missing) == len(entries)


def test_each_figure_is_of_a_promise_with_a_test_and_stands_on_its_page() -> None:
    assert not set(promises.figures()) - set(promises.tests_by_promise())
    page = promises.page("")
    assert all(f"Measured: {figure}\n" in page for figure in promises.figures().values())
