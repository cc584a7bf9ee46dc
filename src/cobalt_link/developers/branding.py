"""A client's own look on the hosted pages: a mark of up to two letters, and an accent color that everybody can read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cobalt_link.developers.colors import HEX, Oklch, contrast, darkest_needed, lightest_needed, oklch, rgb

# What the accent stands on and beside (pages §2): the two lightest and the two darkest grounds, and text on a fill.
LIGHT, LIGHT_GLAZE, DARK, DARK_GLAZE, ON_FILL = "#ffffff", "#eff5fe", "#111724", "#171f2f", "#ffffff"
TEXT, SHAPE = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
STEP = 0.055  # of lightness, for the fill under the pointer


class BrandingProblem(ValueError):
    """A mark or color that the pages cannot use; the text says what to give instead."""


class Tones(msgspec.Struct, frozen=True):
    """The accent in one theme: `line` for text, links, focus and the wire, `fill` and `fill_up` under white text."""

    line: str
    fill: str
    fill_up: str


class Accent(msgspec.Struct, frozen=True):
    light: Tones
    dark: Tones


def checked(branding: Mapping[str, str]) -> dict[str, str]:
    """`mark` and `accent` as they are kept; raises BrandingProblem. An empty one is left out."""
    readers = {"mark": mark, "accent": accent_color}
    return {key: readers[key](value) for key, value in branding.items() if value}


def mark(text: str) -> str:
    letters = text.strip()
    if not 1 <= len(letters) <= 2 or not letters.isalnum():
        raise BrandingProblem(f"The mark {text[:20]!r} has to be one or two letters or digits, such as AS.")
    return letters


def accent_color(text: str) -> str:
    """`#rrggbb`; raises BrandingProblem, with the nearest color that passes where white text is hard to read on it."""
    color = text.strip().lower()
    if not HEX.fullmatch(color):
        raise BrandingProblem(f"The accent {text[:20]!r} is no color. Write it like '#0946ad'.")
    found = contrast(color, ON_FILL)
    if found < TEXT:
        nearest = darkest_needed(color, ON_FILL, TEXT)
        raise BrandingProblem(
            f"White text on {color} has a contrast of {found:.2f}:1, and people need {TEXT}:1 to read it."
            f" The nearest color that has it is '{nearest}'."
        )
    return color


def accent(color: str) -> Accent:
    """A checked accent for both themes: in light as given, in dark with its hue and the lightness needed there."""
    light = Tones(darkest_needed(color, LIGHT_GLAZE, TEXT), color, _under_pointer(color))
    # White text wants it dark, the dark ground wants it light: there is room for both between.
    fill = darkest_needed(lightest_needed(color, DARK_GLAZE, SHAPE + 0.3), ON_FILL, TEXT + 0.1)
    return Accent(light, Tones(lightest_needed(color, DARK_GLAZE, 7.0), fill, _under_pointer(fill, most=0.02)))


def _under_pointer(fill: str, most: float = STEP) -> str:
    """A little darker; what is nearly black gets lighter."""
    seen = oklch(fill)
    return rgb(Oklch(seen.l - most if seen.l > 0.25 else seen.l + 2 * STEP, seen.c, seen.h))
