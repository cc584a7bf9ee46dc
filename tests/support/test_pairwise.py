"""Every pair of values comes up, in few rows, and always in the same ones."""

from itertools import combinations, product

import pytest

from tests.support import proof
from tests.support.pairwise import matrix, pairwise

AXES = [
    (["light", "dark"], [320, 420, 210], ["en", "es", "rtl", "de"], [True, False]),
    ([1], [2], [3]),
    (range(12), ["a", "b", "c"], ["x", "y"]),
    (["one"], ["a", "b"]),
]


@pytest.mark.parametrize("axes", AXES)
def test_every_two_values_of_different_axes_stand_together_once(axes: tuple[list[object], ...]) -> None:
    rows = pairwise(*axes)
    for one, other in combinations(range(len(axes)), 2):
        assert {(row[one], row[other]) for row in rows} == set(product(axes[one], axes[other]))
    assert len(rows) == len(set(rows)) and rows == pairwise(*axes)


@pytest.mark.parametrize("axes", AXES)
def test_the_rows_are_hardly_more_than_the_two_longest_axes_need(axes: tuple[list[object], ...]) -> None:
    longest, second = sorted((len(axis) for axis in axes), reverse=True)[:2]
    assert longest * second <= len(pairwise(*axes)) <= longest * second * 1.25


def test_one_axis_is_gone_through_and_none_has_no_rows() -> None:
    assert pairwise("ab") == [("a",), ("b",)]
    assert pairwise() == []


def test_at_night_the_matrix_has_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "SIZE", "landing")
    assert len(matrix(*AXES[0])) < 16
    monkeypatch.setattr(proof, "SIZE", "nightly")
    assert set(matrix(*AXES[0])) == set(product(*AXES[0]))
