"""Everything that a method of a connector gives, however it gives it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from cobalt_link.connector.models.reading import Capped


class Gathered(NamedTuple):
    """Records, how many match on all pages, and why the EHR gives no more, if it has more."""

    rows: list[Any]
    total: int
    partial: str | None = None

    @property
    def whole(self) -> bool:
        """Whether these are all that match, and no page of them."""
        return self.total == len(self.rows)


async def gathered(records: Any) -> Gathered:
    """A list, a stream, or a page with its total. A stream may end with `Capped`."""
    rows: list[Any] = []
    try:
        if isinstance(records, AsyncIterator):
            async for each in records:
                rows.append(each)
        else:
            found = await records
            if hasattr(found, "total"):
                return Gathered(list(found.items), found.total, getattr(found, "partial", None))
            rows = list(found)
    except Capped as capped:
        return Gathered(rows, len(rows), str(capped))
    return Gathered(rows, len(rows))
