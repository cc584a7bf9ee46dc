"""The ways an EHR's API divides a list into pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

# Each is read in one pass: an EHR's header of 32 KB must not cost seconds.
_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)
# An EHR that never ends its list is broken. Ten thousand pages are more than any day's schedule has.
MOST_PAGES = 10_000


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask for next: more of the query, or a whole `url`. `number` counts from 0."""

    number: int = 0
    query: Mapping[str, str] = {}
    url: str = ""


class TooManyPages(Exception):
    """The list did not end within 10,000 pages."""


class Pages(Protocol):
    """One way of paging. `after` gets the body and headers of a page, its rows, and all rows so far."""

    def first(self) -> PageRequest: ...

    def after(
        self, page: PageRequest, body: Any, headers: Mapping[str, str], rows: int, seen: int
    ) -> PageRequest | None: ...


class OnePage(msgspec.Struct, frozen=True, kw_only=True):
    """The whole list comes at once."""

    def first(self) -> PageRequest:
        return PageRequest()

    def after(self, page: PageRequest, body: Any, headers: Mapping[str, str], rows: int, seen: int) -> None:
        return None


class OffsetPages(msgspec.Struct, frozen=True, kw_only=True):
    """`?offset=200&limit=100`. Ends at `total`, if the body has it there, else at an empty page."""

    offset: str = "offset"
    limit: str = "limit"
    size: int = 100
    total: str = "total"

    def first(self) -> PageRequest:
        return self._page(0, 0)

    def after(
        self, page: PageRequest, body: Any, headers: Mapping[str, str], rows: int, seen: int
    ) -> PageRequest | None:
        return None if _is_last(body, self.total, rows, seen) else self._page(page.number + 1, seen)

    def _page(self, number: int, offset: int) -> PageRequest:
        # By the rows that came, not by the size that was asked for: an EHR may give fewer at a time.
        return _bounded(PageRequest(number=number, query={self.offset: str(offset), self.limit: str(self.size)}))


class NumberedPages(msgspec.Struct, frozen=True, kw_only=True):
    """`?page=3&page_size=100`. Ends at `total`, if the body has it there, else at an empty page."""

    page: str = "page"
    size_name: str = "page_size"
    size: int = 100
    begin: int = 1
    total: str = "total"

    def first(self) -> PageRequest:
        return self._page(0)

    def after(
        self, page: PageRequest, body: Any, headers: Mapping[str, str], rows: int, seen: int
    ) -> PageRequest | None:
        return None if _is_last(body, self.total, rows, seen) else self._page(page.number + 1)

    def _page(self, number: int) -> PageRequest:
        query = {self.page: str(self.begin + number), self.size_name: str(self.size)}
        return _bounded(PageRequest(number=number, query=query))


class CursorPages(msgspec.Struct, frozen=True, kw_only=True):
    """`?cursor=…`, with the next cursor at `next_at` of the body. Ends where there is none."""

    cursor: str = "cursor"
    next_at: str = "next_cursor"

    def first(self) -> PageRequest:
        return PageRequest()

    def after(
        self, page: PageRequest, body: Any, headers: Mapping[str, str], rows: int, seen: int
    ) -> PageRequest | None:
        cursor = at(body, self.next_at)
        if cursor is None or cursor == "":
            return None
        return _bounded(PageRequest(number=page.number + 1, query={self.cursor: str(cursor)}))


class LinkedPages(msgspec.Struct, frozen=True, kw_only=True):
    """The address of the next page, at `next_at` of the body or in the header `Link: <…>; rel="next"`.

    Only an address of the same EHR is followed: the token must not go anywhere else.
    """

    next_at: str = "next"

    def first(self) -> PageRequest:
        return PageRequest()

    def after(
        self, page: PageRequest, body: Any, headers: Mapping[str, str], rows: int, seen: int
    ) -> PageRequest | None:
        url = at(body, self.next_at) or _next(headers.get("link", ""))
        return _bounded(PageRequest(number=page.number + 1, url=str(url))) if url else None


ONE_PAGE = OnePage()


def at(body: Any, path: str) -> Any:
    """The member at "error.code" of a JSON body. None if any part of the path is missing."""
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _next(header: str) -> str | None:
    """The address of the relation "next" in a `Link` header (RFC 8288 §3)."""
    for url, parameters in _LINK.findall(header):
        relation = _REL.search(parameters)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return url
    return None


def _is_last(body: Any, total: str, rows: int, seen: int) -> bool:
    wanted = at(body, total)
    return not rows or (isinstance(wanted, int) and seen >= wanted)


def _bounded(page: PageRequest) -> PageRequest:
    if page.number >= MOST_PAGES:
        raise TooManyPages
    return page
