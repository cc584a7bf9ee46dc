"""Everything that is in a database, to compare before and after."""

from __future__ import annotations

from cobalt_link.store.database import Database

# Who waits for work, and the heartbeats of workers: these change by themselves.
BY_ITSELF = ("procrastinate_%",)


async def contents(db: Database) -> dict[str, list[str]]:
    """The rows of every table, as text."""
    named = await db.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND NOT tablename LIKE ANY(%s)",
        (list(BY_ITSELF),),
    )
    found = {}
    for name in sorted(row["tablename"] for row in named):
        rows = await db.rows(f'SELECT t::text AS line FROM "{name}" t ORDER BY 1')  # type: ignore[arg-type]
        found[name] = [row["line"] for row in rows]
    return found
