"""Opens the room of background work: the queue of wake-ups, and the conversion of a former release's database."""

from __future__ import annotations

from cobalt_link.jobs.queue import Jobs
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store import partitions
from cobalt_link.store.turns import one_at_a_time


class JobsRoom(Room, frozen=True, kw_only=True):
    """`queue` is where other rooms register their tasks, before the room is started."""

    queue: Jobs


def open(deps: Deps) -> JobsRoom:  # noqa: A001 - every room opens by this name
    queue = Jobs(deps.db.dsn)
    conversion = one_at_a_time(deps.db, "conversion", lambda: partitions.convert(deps.db, deps.clock.now()))
    chores = (Chore("stalled jobs", 60.0, queue.forget_stalled), Chore("conversion", 3600.0, conversion))
    return JobsRoom(queue=queue, chores=chores, start=queue.open, close=queue.close)
