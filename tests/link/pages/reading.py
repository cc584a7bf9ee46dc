"""Reads a page as a browser without scripts would: elements in order, their attributes, text and surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser

from tests.link.pages.gallery import gallery

_VOID = frozenset({"meta", "link", "input", "br", "wbr", "path", "rect", "hr", "img"})


class Element:
    """One element. `text` is everything that stands in it."""

    def __init__(self, tag: str, attrs: dict[str, str], parent: Element | None) -> None:
        self.tag = tag
        self.attrs = attrs
        self.parent = parent
        self.pieces: list[str | Element] = []

    @property
    def text(self) -> str:
        return " ".join(self._raw().split())

    def _raw(self) -> str:
        return "".join(piece if isinstance(piece, str) else piece._raw() for piece in self.pieces)

    def all(self, tag: str | None = None, **attrs: str) -> list[Element]:
        """The elements inside, in the order of the page."""
        wanted = {name.replace("_", "-"): value for name, value in attrs.items()}
        return [
            element
            for element in self._inside()
            if (tag is None or element.tag == tag)
            and all(element.attrs.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str | None = None, **attrs: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attrs)
        return found

    def has(self, name: str) -> bool:
        return name in self.attrs

    def classes(self) -> set[str]:
        return set(self.attrs.get("class", "").split())

    def _inside(self) -> Iterator[Element]:
        for piece in self.pieces:
            if isinstance(piece, Element):
                yield piece
                if piece.tag != "template":  # only a script brings to life what is in it
                    yield from piece._inside()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.open = Element("#page", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.open)
        self.open.pieces.append(element)
        if tag not in _VOID:
            self.open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.pieces.append(Element(tag, {name: value or "" for name, value in attrs}, self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.tag == tag, f"<{self.open.tag}> is closed by </{tag}>"
        assert self.open.parent is not None
        self.open = self.open.parent

    def handle_data(self, data: str) -> None:
        self.open.pieces.append(data)


def read(page: str) -> Element:
    """The page's elements. Fails where a tag is not closed in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open is reader.root, f"<{reader.open.tag}> stays open"
    return reader.root


@cache
def shown(locale: str = "en") -> dict[str, Element]:
    """Every page of the gallery, read once per process."""
    return {name: read(page) for name, page in gallery(locale).items()}
