"""The style sheet of a client's accent color. Its path contains the color and a hash, so nothing needs to be stored."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from cobalt_link.developers.branding import BrandingProblem, Tones, accent, accent_color

_NAME = re.compile(r"accent\.([0-9a-f]{6})\.[0-9a-f]{12}\.css")


def file_name(color: str) -> str:
    """Such as `accent.0a7a5c.3f2a9c1b77de.css` for `#0a7a5c`."""
    return f"accent.{color[1:]}.{sha256(style_sheet(color)).hexdigest()[:12]}.css"


def color_of(name: str) -> str | None:
    """The color in a file name that `file_name` made, or None."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        color = accent_color(f"#{found[1]}")
    except BrandingProblem:
        return None
    return color if file_name(color) == name else None


@lru_cache(maxsize=256)
def style_sheet(color: str) -> bytes:
    """Replaces the colors of link.css in both themes, also where the page forces one of them."""
    tones = accent(color)
    both = {name: (getattr(tones.light, name), getattr(tones.dark, name)) for name in Tones.__struct_fields__}
    themed = "".join(f"{_PROPERTY[name]}:light-dark({light},{dark});" for name, (light, dark) in both.items())
    return (
        f":root{{{_plain(tones.light)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_plain(tones.dark)}}}}}"
        f"@supports (color:light-dark(red,red)){{:root{{{themed}}}}}"
    ).encode()


_PROPERTY = {"line": "--cobalt", "fill": "--fill", "fill_up": "--fill-up"}


def _plain(tones: Tones) -> str:
    return "".join(f"{_PROPERTY[name]}:{getattr(tones, name)};" for name in Tones.__struct_fields__)
