"""How figures are printed: the median of the rounds with its spread, and a ratio with its target."""

from collections.abc import Iterable
from statistics import median


def spread(values: Iterable[float]) -> str:
    """`1540 (1490 to 1602)`."""
    found = sorted(values)
    return f"{_short(median(found))} ({_short(found[0])} to {_short(found[-1])})"


def ratio(values: Iterable[float], target: float) -> str:
    found = sorted(values)
    verdict = "reached" if median(found) >= target else "missed"
    return f"ratio {median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f}), target {target:.2f}: {verdict}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
