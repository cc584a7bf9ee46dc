"""A client's look on the hosted pages: a mark of up to two letters, and an accent color that everybody can read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cobalt_link.developers.colors import HEX, Oklch, contrast, darkest_needed, lightest_needed, oklch, rgb

# The backgrounds of the pages (pages §2), the two lightest and the two darkest, and the text on a fill of the accent.
LIGHT, LIGHT_GLAZE, DARK, DARK_GLAZE, ON_FILL = "#ffffff", "#eff5fe", "#111724", "#171f2f", "#ffffff"
TEXT, SHAPE = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
STEP = 0.055  # of lightness, for the fill under the pointer


class BrandingProblem(ValueError):
    """A mark or color that the pages cannot use. The text says what to give instead."""


class Tones(msgspec.Struct, frozen=True):
    """The accent in one theme: `line` for text, links, and focus; `fill` and, under the pointer, `fill_up` behind white
    text."""

    line: str
    fill: str
    fill_up: str


class Accent(msgspec.Struct, frozen=True):
    light: Tones
    dark: Tones


def checked(branding: Mapping[str, str]) -> dict[str, str]:
    """`mark` and `accent` as they are stored. An empty one is left out. Raises BrandingProblem."""
    readers = {"mark": mark, "accent": accent_color}
    return {key: readers[key](value) for key, value in branding.items() if value}


def mark(text: str) -> str:
    letters = text.strip()
    if not 1 <= len(letters) <= 2 or not letters.isalnum():
        raise BrandingProblem(f"The mark {text[:20]!r} must be one or two letters or digits. Write it like AS.")
    return letters


def accent_color(text: str) -> str:
    """`#rrggbb`. Raises BrandingProblem; if white text is hard to read on it, with the nearest color that passes."""
    color = text.strip().lower()
    if not HEX.fullmatch(color):
        raise BrandingProblem(f"The accent {text[:20]!r} is not a color. Write it like '#0946ad'.")
    found = contrast(color, ON_FILL)
    if found < TEXT:
        nearest = darkest_needed(color, ON_FILL, TEXT)
        raise BrandingProblem(
            f"White text on {color} has a contrast of {found:.2f}:1. People need {TEXT}:1 to read it. Use '{nearest}',"
            " the nearest color that has it."
        )
    return color


def accent(color: str) -> Accent:
    """A checked accent for both themes: as given in the light one, and as light as necessary in the dark one."""
    light = Tones(darkest_needed(color, LIGHT_GLAZE, TEXT), color, _under_pointer(color))
    # White text needs a dark fill, and the dark background needs a light one. One in between suits both.
    fill = darkest_needed(lightest_needed(color, DARK_GLAZE, SHAPE + 0.3), ON_FILL, TEXT + 0.1)
    return Accent(light, Tones(lightest_needed(color, DARK_GLAZE, 7.0), fill, _under_pointer(fill, most=0.02)))


def _under_pointer(fill: str, most: float = STEP) -> str:
    """A little darker, or lighter if it is nearly black."""
    seen = oklch(fill)
    return rgb(Oklch(seen.l - most if seen.l > 0.25 else seen.l + 2 * STEP, seen.c, seen.h))
