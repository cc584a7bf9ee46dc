"""Pages of a list, as the contract's §2 numbers them: from 1, with the totals beside."""

from typing import Annotated

import msgspec
from msgspec import Meta

Page = Annotated[int, Meta(ge=1, le=1_000_000, description="Which page, from 1.")]


class Pagination(msgspec.Struct, frozen=True):
    """Which page this is, and how many there are."""

    current_page: int
    total_pages: int
    total_count: int
    page_size: int

    @classmethod
    def of(cls, page: int, size: int, total: int) -> "Pagination":
        return cls(page, -(-total // size), total, size)
