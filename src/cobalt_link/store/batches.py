"""Pruning in batches: each is a statement of its own, so no lock is held for long (a second at most)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, LiteralString

from cobalt_link.store.database import Database

BATCH: Final = 1000  # rows


async def delete_in_batches(db: Database, sql: LiteralString, given: Mapping[str, Any]) -> int:
    """Runs a DELETE of `%(most)s` rows until nothing is left. Returns how many rows it deleted."""
    total = 0
    while count := await db.run(sql, {**given, "most": BATCH}):
        total += count
        if count < BATCH:
            break
    return total
