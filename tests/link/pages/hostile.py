"""Puts attacks into every string that a page may show, wherever it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import msgspec

from cobalt_link.connector.panes import Message, Option, Pane, PaneRefusal
from cobalt_link.link.pages.context import PageContext, ShownStep

BREAKOUTS = ("", '"', "'", ">", '">', "'>", "</title>", "</option></select>", "--><", "{{7*7}}</code>")
VECTORS = (
    "<script>pwned()</script>",
    "<img src=x onerror=pwned()>",
    "<svg onload=pwned()>",
    " onfocus=pwned() autofocus x=",
    "javascript:pwned()//",
    "<a href='javascript:pwned()'>x</a>",
    "<iframe srcdoc='<script>parent.pwned()</script>'>",
    "<meta http-equiv=refresh content='0;url=javascript:pwned()'>",
    "<style>@import 'https://evil.example'</style>",
    "&#60;script&#62;pwned()&#60;/script&#62;\x00\u202e",
)
ATTACKS = tuple(breakout + vector for breakout in BREAKOUTS for vector in VECTORS)

# What is ours and chosen from a closed list: the page's path, its keys and its codes.
_OURS: dict[type, set[str]] = {
    PageContext: {"path", "locale", "topics", "ends_as"},
    PaneRefusal: {"code"},
    Message: {"code", "name"},
}
_OF_PANES = {"name", "way"}


class Hostile:
    """The pages, drawn with `attack` in every field that others fill in."""

    def __init__(self, pages: ModuleType, attack: str, *, texts: bool = True) -> None:
        self._pages = pages
        self._attack = attack
        self._kept = set() if texts else {"connector_texts"}

    def __getattr__(self, page: str) -> Callable[..., Any]:
        draw = getattr(self._pages, page)

        def host_markup(*given: Any, **named: Any) -> Any:
            # The first argument of `closed` is a code; errors and languages are keys.
            spoilt = [value if page == "closed" else self.spoilt(value) for value in given]
            return draw(
                *spoilt,
                **{k: v if k in ("errors", "locale") else self.spoilt(v, k == "typed") for k, v in named.items()},
            )

        return host_markup

    def spoilt(self, value: Any, typed: bool = False) -> Any:
        """`value` with the attack in every string of it; numbers, times and what is ours stay."""
        match value:
            case str():
                return self._attack
            case tuple():
                return tuple(map(self.spoilt, value))
            case Mapping():
                keep = set() if typed else {"reason"}
                return {key: self.spoilt(each) if key not in keep else each for key, each in value.items()}
            case msgspec.Struct():
                ours = self._ours(value)
                fields = {
                    name: self.spoilt(getattr(value, name)) for name in value.__struct_fields__ if name not in ours
                }
                return msgspec.structs.replace(value, **fields)
        return value

    def _ours(self, value: msgspec.Struct) -> set[str]:
        if isinstance(value, Option | ShownStep):
            return set()
        return self._kept | _OURS.get(type(value), _OF_PANES if isinstance(value, Pane) else set())
