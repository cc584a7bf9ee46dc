"""How a filter matches a record, the same for every EHR that cannot filter by itself."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime

from cobalt_link.connector.models.reading import FilterMatch
from cobalt_link.kit.text import as_searched

# Enough digits to tell two numbers apart if only one of them has a country code.
LEAST_DIGITS = 7


def holds(text: str | None, part: str | None) -> bool:
    """Whether `part` stands in `text`: in any case, with any kind of apostrophe, hyphen, and blank, with letters that
    are composed or not. None and "" stand in every text."""
    return _folded(part) in _folded(text)


def same_phone(one: str | None, other: str | None) -> bool:
    """Whether two spellings are one phone number, with or without a country code."""
    shorter, longer = sorted((digits(one), digits(other)), key=len)
    return bool(shorter) and (shorter == longer or (len(shorter) >= LEAST_DIGITS and longer.endswith(shorter)))


def digits(phone: str | None) -> str:
    return re.sub(r"[^0-9]", "", phone or "")


def exactly(field: str) -> FilterMatch:
    """The field has this value."""
    return FilterMatch((field,), lambda value, wanted: value == wanted)


def in_any_case(field: str) -> FilterMatch:
    return FilterMatch((field,), lambda value, wanted: (value or "").casefold() == str(wanted).casefold())


def partly(field: str) -> FilterMatch:
    return FilterMatch((field,), holds)


def phone(*fields: str) -> FilterMatch:
    """One of the fields is that phone number."""
    return FilterMatch(fields, same_phone)


def first_day(field: str) -> FilterMatch:
    """The field is that day or a later one. A record without a day is on none."""
    return FilterMatch((field,), lambda value, wanted: value is not None and _day(value) >= wanted)


def last_day(field: str) -> FilterMatch:
    return FilterMatch((field,), lambda value, wanted: value is not None and _day(value) <= wanted)


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _folded(text: str | None) -> str:
    return unicodedata.normalize("NFKC", as_searched(text or "").casefold())
