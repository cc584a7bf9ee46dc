"""Amounts of money as texts with two decimals, as in the examples (contract §9 row 30)."""

from decimal import Decimal


def amount(value: Decimal | None) -> str | None:
    """ "350.00" for 350. More decimals than two are kept, since rounding would be a lie."""
    if value is None:
        return None
    places = -int(value.as_tuple().exponent) if value.is_finite() else 0
    return f"{value:.{max(2, places)}f}"
