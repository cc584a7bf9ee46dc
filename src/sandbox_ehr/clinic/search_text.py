"""How names and phones are compared: names without accents, case, and kinds of apostrophes, phones by their digits."""

import unicodedata
from typing import Annotated

import msgspec

# A phone without a digit would match every patient, so a query refuses it.
Phone = Annotated[str, msgspec.Meta(pattern=r"^$|\d", max_length=40)]


# The apostrophes and hyphens that phones and word processors write.
_PLAIN = dict.fromkeys(map(ord, "‘’ʼ´`′"), "'") | dict.fromkeys(map(ord, "‐‑‒–—"), "-")


def fold(text: str) -> str:
    """The text without accents, case, and superfluous blanks. Letters of other scripts stay."""
    # NFKD splits an accented letter into the letter and its accent, which is then left out.
    parts = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return " ".join("".join(part for part in parts if not unicodedata.combining(part)).casefold().split())


def words(name: str) -> list[str]:
    """The words of a name that somebody looks for: "Betz, Ana" and "ana betz" are the same."""
    return fold(name).replace(",", " ").split()


def digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
