"""How names and phones are compared: names without accents and case, phones by their digits."""

import unicodedata
from typing import Annotated

import msgspec

# A phone without a digit would match every patient, so a query refuses it.
Phone = Annotated[str, msgspec.Meta(pattern=r"^$|\d", max_length=40)]


def fold(text: str) -> str:
    """The text without accents and case. Letters of other scripts stay."""
    # NFKD splits an accented letter into the letter and its accent, which is then left out.
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
