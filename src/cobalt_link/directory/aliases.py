"""Nicknames, acronyms, and former names of organizations, which the operator imports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import LiteralString

from cobalt_link.directory.cleaning import MOST_NAME, plain_text
from cobalt_link.directory.engine.words import folded
from cobalt_link.directory.reading.files import opened
from cobalt_link.directory.reading.tables import columns_of
from cobalt_link.store.database import Database, as_json

BATCH = 1000
MOST_ALIASES = 100_000

PUT: LiteralString = """
INSERT INTO directory_aliases (target, alias)
SELECT target, alias FROM json_to_recordset(%s) AS r (target text, alias text) ON CONFLICT DO NOTHING"""
ALL: LiteralString = "SELECT target, alias FROM directory_aliases ORDER BY target, alias LIMIT %s"


class Aliases:
    """The table `directory_aliases`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Pairs of an alias and the name of the organization. The index has to be built again."""
        for start in range(0, len(pairs), BATCH):
            rows = [{"target": folded(name), "alias": alias} for alias, name in pairs[start : start + BATCH]]
            await self._db.run(PUT, (as_json(rows),))

    async def all(self) -> dict[str, list[str]]:
        """The aliases by folded name."""
        found: dict[str, list[str]] = {}
        for row in await self._db.rows(ALL, (MOST_ALIASES,)):
            found.setdefault(row["target"], []).append(row["alias"])
        return found


def read_aliases(path: Path) -> tuple[list[tuple[str, str]], int]:
    """The pairs of alias and name in a file with the columns `alias` and `target_name`, and how many lines are no such
    pair. Raises `ListUnreadable`."""
    pairs: list[tuple[str, str]] = []
    refused = 0
    with opened(path) as file:
        for cells in columns_of(file, ("alias", "target_name")):
            alias, name = (plain_text(cell, MOST_NAME) for cell in cells or ("", ""))
            if alias and name and folded(alias) and folded(name) and len(pairs) < MOST_ALIASES:
                pairs.append((alias, name))
            else:
                refused += 1
    return pairs, refused
