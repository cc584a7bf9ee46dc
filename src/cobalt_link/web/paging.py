"""Pages of a list: numbered from 1 with the totals where the contract has them (contract §2), else one after another.

A list of ours may have a million rows. Its answer says with `next` where it ends, and the next request sends that as
`after`. No row is counted or skipped for it.
"""

import base64
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from cobalt_link.web.problems import InvalidRequest

Page = Annotated[int, Meta(ge=1, le=1_000_000, description="Which page, from 1.")]
OnlyPage = Annotated[
    int, Meta(ge=1, le=1, description="This list has no numbered pages. 1 is accepted and means nothing.")
]
After = Annotated[
    str | None, Meta(description="`next` of the answer before. Without it, the list begins with its first row.")
]

Item = TypeVar("Item")
Position = TypeVar("Position")


class Pagination(msgspec.Struct, frozen=True):
    """The number of this page, and the totals of the list."""

    current_page: int
    total_pages: int
    total_count: int
    page_size: int

    @classmethod
    def of(cls, page: int, size: int, total: int) -> "Pagination":
        return cls(page, -(-total // size), total, size)


class CountedPages(msgspec.Struct, frozen=True):
    """The number of this page, and the totals of the list."""

    page: int
    page_size: int
    total_count: int
    total_pages: int

    @classmethod
    def of(cls, page: int, size: int, total: int) -> "CountedPages":
        return cls(page, size, total, -(-total // size))


class RecordPages(msgspec.Struct, frozen=True):
    """The number of this page, and the totals of the list."""

    page: int
    page_size: int
    total_records: int
    total_pages: int

    @classmethod
    def of(cls, page: int, size: int, total: int) -> "RecordPages":
        return cls(page, size, total, -(-total // size))


Numbered = Pagination | CountedPages | RecordPages
"""The three forms of the contract (§2)."""


class Continuation(msgspec.Struct, frozen=True):
    """Send `next` as `after` to get the next page. It is null on the last page."""

    page_size: int
    next: str | None

    @classmethod
    def of(cls, size: int, read: list[Item], position: Callable[[Item], tuple[Any, ...]]) -> "Continuation":
        """`read` has one item more than `size` if another page follows. That one is cut off.

        `position` gives the place of an item.
        """
        more = len(read) > size
        del read[size:]
        return cls(size, encoded(position(read[-1])) if more else None)


def encoded(position: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decoded(after: str | None, kind: type[Position]) -> Position | None:
    """The place that `encoded` wrote, a tuple of this kind. Raises InvalidRequest."""
    if after is None:
        return None
    try:
        text = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        if b"\\u0000" in text:  # which no text of the database contains
            raise ValueError
        return msgspec.json.decode(text, type=kind)
    except ValueError:  # also of base64 and of msgspec
        raise InvalidRequest("after is not from an answer of this list. Send the `next` of the page before.") from None
