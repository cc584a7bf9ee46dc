"""Every row of every table, to see what a call leaves behind."""

from __future__ import annotations

from collections import Counter
from typing import Any, LiteralString, cast

from cobalt_link.store.database import Database

Rows = Counter[tuple[str, str]]  # a table's name and a row as JSON

TABLES = """
SELECT table_name AS name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"""


async def everything(db: Database) -> Rows:
    names = [row["name"] for row in await db.rows(TABLES)]
    assert {"orgs", "link_tokens", "access_tokens", "audit", "procrastinate_jobs"} <= set(names)
    each = (f"SELECT '{name}' AS name, to_jsonb(t)::text AS row FROM \"{name}\" t" for name in names)
    rows = await db.rows(cast(LiteralString, " UNION ALL ".join(each)))
    return Counter((row["name"], row["row"]) for row in rows)


def differences(before: Rows, after: Rows) -> dict[str, list[Any]]:
    """The rows that are new or gone, by table. A changed row is both."""
    found: dict[str, list[Any]] = {}
    for name, row in sorted([*(after - before), *(before - after)]):
        found.setdefault(name, []).append(row)
    return found
