"""Opens the room of background work: the queue of wake-ups."""

from __future__ import annotations

from cobalt_link.jobs.queue import Jobs
from cobalt_link.room import Chore, Deps, Room


class JobsRoom(Room, frozen=True, kw_only=True):
    """`queue` is where other rooms register their tasks, before the room is started."""

    queue: Jobs


def open(deps: Deps) -> JobsRoom:  # noqa: A001 - every room opens by this name
    queue = Jobs(deps.db.dsn)
    chores = (Chore("stalled jobs", 60.0, queue.forget_stalled),)
    return JobsRoom(queue=queue, chores=chores, start=queue.open, close=queue.close)
