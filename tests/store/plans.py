"""Judges a plan by the rows that it has to look at, whatever the parameters are (a generic plan).

A scan of a large table must go through an index, by conditions that leave few rows, or in the index's order under a
LIMIT. What a filter throws away was looked at too, so only the conditions of the index count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, LiteralString, cast

import psycopg
from tests.store.statements import numbered

LARGE = 10_000  # rows of a table, with all its parts
MOST = 1_000  # rows that a statement may look at
# These pass on each row as they get it, so a LIMIT above them ends the scan below them.
STREAMING = {"Limit", "Append", "Merge Append", "Nested Loop", "LockRows", "Result", "Subquery Scan"}
SIZES: LiteralString = """
SELECT c.relname, c.reltuples, (
    SELECT sum(greatest(p.reltuples, 0)) FROM pg_partition_tree(pg_partition_root(c.oid)) t
    JOIN pg_class p ON p.oid = t.relid
) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')"""


class Plans:
    """`own` has the rows of each table, part, and index. `whole` has those of all parts of a part's table."""

    def __init__(
        self, connection: psycopg.AsyncConnection, own: Mapping[str, float], whole: Mapping[str, float]
    ) -> None:
        self._connection = connection
        self._own = own
        self._whole = whole

    @classmethod
    async def of(cls, connection: psycopg.AsyncConnection) -> Plans:
        rows = await (await connection.execute(SIZES)).fetchall()
        own = {name: tuples for name, tuples, _ in rows}
        return cls(connection, own, {name: float(whole) if whole else own[name] for name, _, whole in rows})

    async def explained(self, text: str) -> dict[str, Any]:
        """The generic plan. Every LIMIT that is a parameter is a hundred."""
        limited = re.sub(r"(?i)\bLIMIT \$\d+", "LIMIT 100", numbered(text))
        while True:
            query = cast(LiteralString, f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {limited}")
            try:
                row = await (await self._connection.execute(query)).fetchone()
            except psycopg.errors.AmbiguousParameter as error:
                # Without its value, PostgreSQL takes a time for a text in one place and not in the other.
                (number,) = re.findall(r"inconsistent types deduced for parameter (\$\d+)", str(error))
                limited = limited.replace(number, f"{number}::timestamptz")
                continue
            assert row is not None
            return row[0][0]["Plan"]

    async def faults(self, text: str) -> set[str]:
        """The tables of which the plan looks at too many rows, all partitions together."""
        rows: Counter[str] = Counter()
        for node, limited in _nodes(await self.explained(text)):
            if (name := node.get("Relation Name")) and self._whole.get(name, 0) >= LARGE:
                rows[_root(name)] += round(await self._looked_at(node, name, limited))
        return {f"looks at {count} rows of {name}" for name, count in rows.items() if count > MOST}

    async def _looked_at(self, node: dict[str, Any], name: str, limited: bool) -> float:
        kind, condition, all_of_it = node["Node Type"], node.get("Index Cond"), max(self._own[name], 0)
        if kind == "Seq Scan":
            return all_of_it
        if not kind.startswith(("Index", "Bitmap Index")) or (limited and not node.get("Filter")):
            return 0
        in_index = max(self._own[node["Index Name"]], 0)  # fewer than in the table if the index is partial
        rows = await self._selected(name, node.get("Alias", name), condition) if condition else all_of_it
        return min(rows, in_index)

    async def _selected(self, table: str, alias: str, condition: str) -> float:
        """How many rows the condition of an index leaves. What another table gives is a parameter here."""
        text = re.sub(r"\(InitPlan \d+\)\.col\d+|\$\d+", "%s", condition)
        text = re.sub(r'("[^"]+"|\b[a-z_]\w*)\.\w+', lambda found: found[0] if found[1] == alias else "%s", text)
        plan = await self.explained(f"SELECT FROM {table} AS {alias} WHERE {text}")
        return plan["Plan Rows"]


def _nodes(plan: dict[str, Any], limited: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each node, and whether a LIMIT ends it early."""
    yield plan, limited
    kind = plan["Node Type"]
    passes = kind == "Limit" or (limited and kind in STREAMING)
    for child in plan.get("Plans", []):
        # A bitmap is made before the first row is read, and only the scan above it names the table.
        if kind.startswith("Bitmap"):
            child.setdefault("Relation Name", plan.get("Relation Name"))
            child.setdefault("Alias", plan.get("Alias"))
        yield from _nodes(child, passes and child.get("Parent Relationship") not in ("InitPlan", "SubPlan"))


def _root(name: str) -> str:
    return re.sub(r"_(\d{8}_\d{8}|other|\d{3})(?=_|$)", "", name)
