"""Colors as people see them. OKLCH (Björn Ottosson, 2020) changes one, and WCAG 2.2 says whether it can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import atan2, cos, hypot, sin

import msgspec

HEX = re.compile(r"#[0-9a-f]{6}")


class Oklch(msgspec.Struct, frozen=True):
    """Lightness from 0 to 1, chroma, hue in radians."""

    l: float  # noqa: E741 - its name
    c: float
    h: float


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio": from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def oklch(color: str) -> Oklch:
    r, g, b = _linear(color)
    l = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)  # noqa: E741
    m = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    s = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    one = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s
    two = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s
    return Oklch(0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s, hypot(one, two), atan2(two, one))


def rgb(color: Oklch) -> str:
    """`#rrggbb`. If a screen cannot show that much chroma, with as much as it can show."""
    kept = color.c
    if not _can_be_shown(_unclipped(color)):
        kept = _last(lambda c: _can_be_shown(_unclipped(Oklch(color.l, c, color.h))), 0.0, color.c)
    channels = (_encoded(min(1.0, max(0.0, each))) for each in _unclipped(Oklch(color.l, kept, color.h)))
    return "#" + "".join(f"{round(each * 255):02x}" for each in channels)


def darkest_needed(color: str, ground: str, least: float) -> str:
    """The color, made darker if necessary, so that its contrast with a light background is at least `least`."""
    if contrast(color, ground) >= least:
        return color
    return _with_lightness(color, lambda shade: contrast(shade, ground) >= least, 0.0, oklch(color).l)


def lightest_needed(color: str, ground: str, least: float) -> str:
    """The color, made lighter if necessary, so that its contrast with a dark background is at least `least`."""
    if contrast(color, ground) >= least:
        return color
    return _with_lightness(color, lambda shade: contrast(shade, ground) >= least, 1.0, oklch(color).l)


def _with_lightness(color: str, enough: Callable[[str], bool], sure: float, from_: float) -> str:
    seen = oklch(color)

    def shade(lightness: float) -> str:
        return rgb(Oklch(lightness, seen.c, seen.h))

    return shade(_last(lambda lightness: enough(shade(lightness)), sure, from_))


def _last(fits: Callable[[float], bool], inside: float, outside: float) -> float:
    """The last value between `inside`, which fits, and `outside` that still fits."""
    # Halved 24 times: far finer than the 256 steps of a channel.
    for _ in range(24):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if fits(middle) else (inside, middle)
    return inside


def _unclipped(color: Oklch) -> tuple[float, float, float]:
    a, b = color.c * cos(color.h), color.c * sin(color.h)
    l = (color.l + 0.3963377774 * a + 0.2158037573 * b) ** 3  # noqa: E741
    m = (color.l - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s = (color.l - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    )


def _can_be_shown(channels: tuple[float, float, float]) -> bool:
    # Rounding must not make a color of the edge count as one that a screen cannot show.
    return all(-0.0005 <= each <= 1.0005 for each in channels)


def _linear(color: str) -> tuple[float, float, float]:
    """IEC 61966-2-1 (sRGB), undone."""
    r, g, b = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return _decoded(r), _decoded(g), _decoded(b)


def _decoded(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _encoded(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def _luminance(color: str) -> float:
    r, g, b = _linear(color)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
