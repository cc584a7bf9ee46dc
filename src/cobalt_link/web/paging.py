"""Pages of a list, numbered from 1, with the totals (contract §2)."""

from typing import Annotated

import msgspec
from msgspec import Meta

Page = Annotated[int, Meta(ge=1, le=1_000_000, description="Which page, from 1.")]


class Pagination(msgspec.Struct, frozen=True):
    """The number of this page, and the totals of the list."""

    current_page: int
    total_pages: int
    total_count: int
    page_size: int

    @classmethod
    def of(cls, page: int, size: int, total: int) -> "Pagination":
        return cls(page, -(-total // size), total, size)
