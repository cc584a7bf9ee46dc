"""Rows for tests with several axes: every pair of values before a landing, every combination at night."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Any

from tests.support import proof

Pair = tuple[int, int, int, int]  # an axis and the place of a value on it, twice


def matrix(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows that a test goes through: `pairwise`, or all of them when proofs have their full size."""
    return [*product(*axes)] if proof.SIZE == "nightly" else pairwise(*axes)


def pairwise(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Few rows in which every two values of different axes stand together at least once.

    Most faults need one value or two together (Kuhn, NIST SP 800-142). The same axes always give the same rows.
    """
    missing = {
        (one, a, other, b)
        for one, other in combinations(range(len(axes)), 2)
        for a, b in product(range(len(axes[one])), range(len(axes[other])))
    }
    rows = []
    while missing:
        row = _fullest(min(missing), axes, missing)
        missing -= {*_pairs(row)}
        rows.append(tuple(axes[axis][at] for axis, at in sorted(row.items())))
    return rows if len(axes) > 1 else [(value,) for axis in axes for value in axis]


def _fullest(first: Pair, axes: Sequence[Sequence[Any]], missing: set[Pair]) -> dict[int, int]:
    """A row with a missing pair in it, each further value chosen for the most missing pairs."""
    row = {first[0]: first[1], first[2]: first[3]}
    for axis in range(len(axes)):
        if axis not in row:
            row[axis] = max(
                range(len(axes[axis])), key=lambda at: len(missing.intersection(_pairs(row | {axis: at})))
            )  # the first of the best
    return row


def _pairs(row: dict[int, int]) -> Iterator[Pair]:
    for (one, a), (other, b) in combinations(sorted(row.items()), 2):
        yield one, a, other, b
