"""Chores that one process does at a time, however many processes repeat them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from cobalt_link.store.database import Database

MOST_SECONDS: Final = 600  # then a process that stopped in the middle no longer keeps the others from the chore

TAKE: Final = """
INSERT INTO upkeep_turns AS t (chore, until) VALUES (%(chore)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (chore) DO UPDATE SET until = excluded.until WHERE t.until <= clock_timestamp()"""
END: Final = "DELETE FROM upkeep_turns WHERE chore = %s"


def one_at_a_time(db: Database, chore: str, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """The work, for a process whose turn it is. For the others it does nothing."""

    async def turn() -> None:
        if await db.run(TAKE, {"chore": chore, "seconds": MOST_SECONDS}) == 0:
            return
        try:
            await work()
        finally:
            await db.run(END, (chore,))

    return turn
