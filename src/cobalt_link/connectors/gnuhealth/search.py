"""Searches by what a user typed, in Tryton's domains.

The databases under GNU Health differ in how they escape `%` and fold the case of letters beyond ASCII, and a chart may
have another kind of apostrophe or blank than the person typed. So a search that is not exact asks for too much, and the
result is narrowed down here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from cobalt_link.connector import digits

PLAIN = re.compile(r"[A-Za-z0-9.,]+")
# Enough to tell a number apart when one side has a country code and the other has none.
COMPARED_DIGITS = 7


def pattern(term: str) -> str:
    """An `ilike` pattern that matches wherever `term` stands, and perhaps more (see `is_exact`)."""
    # Composed first: of a letter in two parts, the base alone would be asked for.
    return "%" + re.sub(r"[^A-Za-z0-9.,]+", "%", unicodedata.normalize("NFC", term)) + "%"


def is_exact(*terms: str | None) -> bool:
    """Whether `pattern` matches no more than it should."""
    return all(PLAIN.fullmatch(term) for term in terms if term)


def by_phone(party: str, phone: str) -> list[Any]:
    """A domain for those who have this number, and perhaps others. `party` is the path to the party."""
    spread = "%" + "%".join(digits(phone)[-COMPARED_DIGITS:]) + "%"
    numbers = [["type", "in", ["phone", "mobile"]], ["value", "ilike", spread]]
    return [f"{party}.contact_mechanisms", "where", numbers]


def by_name(party: str, word: str) -> list[Any]:
    """A domain for those whose first or last name holds `word`."""
    return ["OR", [f"{party}.name", "ilike", pattern(word)], [f"{party}.lastname", "ilike", pattern(word)]]
