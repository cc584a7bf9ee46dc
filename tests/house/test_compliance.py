"""S-037: each thing that SMART App Launch 2.2 requires of a client has a test of ours, or a reason why it has none."""

from __future__ import annotations

import ast
import csv

import pytest

from tests.house.tree import ROOT, functions, parsed

MAPPED = ROOT / "compliance/smart.csv"
REQUIREMENTS = ROOT.parent / "shared/data/smart/client-requirements.csv"
TESTED = 90  # at least


def rows() -> list[dict[str, str]]:
    with MAPPED.open(newline="") as file:
        return list(csv.DictReader(file))


def missing(name: str) -> bool:
    """Whether there is no test of this name, which is such as "tests/oauth/test_scopes.py::test_both"."""
    path, _, test = name.partition("::")
    file = ROOT / path
    return not (file.is_file() and test.startswith("test_") and test in names(parsed(file)))


def names(tree: ast.Module) -> set[str]:
    return {each.name for each in functions(tree)}


def test_each_requirement_has_tests_that_exist_or_a_reason() -> None:
    # S-037. Several tests of one requirement are separated by blanks.
    ids = [row["id"] for row in rows()]
    assert len(ids) == len(set(ids)) == 121
    assert not [row for row in rows() if bool(row["test"]) is bool(row["reason"])]
    assert not [name for row in rows() for name in row["test"].split() if missing(name)]
    assert not [row["id"] for row in rows() if row["reason"] and len(row["reason"]) < 30]
    assert sum(bool(row["test"]) for row in rows()) >= TESTED


@pytest.mark.skipif(not REQUIREMENTS.is_file(), reason="the list of requirements is not here")
def test_no_requirement_for_clients_is_left_out() -> None:
    with REQUIREMENTS.open(newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["conformance"] in ("SHALL", "SHALL NOT")]
    assert [row["id"] for row in rows()] == [row["id"] for row in listed]


@pytest.mark.parametrize("name", ["tests/house/test_compliance.py::test_none", "tests/none.py::test_it", "nothing", ""])
def test_a_test_that_is_not_there_is_seen(name: str) -> None:
    assert missing(name)
