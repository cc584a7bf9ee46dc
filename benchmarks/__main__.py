"""`make bench`: every benchmark, each with its baseline in the same run. Names as arguments choose some of them."""

import asyncio
import os
import sys
from functools import partial

from benchmarks import (
    attack,
    deliveries,
    directory,
    idle,
    link,
    live_read,
    note_event,
    page,
    scale,
    slow_ehr,
    smart,
    soak,
    start,
    strangers,
    tokens,
    waiting,
    writes,
)

ALL = {
    "start": start.run,
    "tokens": tokens.run,
    "strangers": strangers.run,
    "link": link.run,
    "idle": idle.run,
    "page": page.run,
    "waiting": waiting.run,
    "deliveries": deliveries.run,
    "live-read": live_read.run,
    "smart": smart.run,
    "note-event": note_event.run,
    "writes": writes.run,
    "slow-ehr": slow_ehr.run,
    "directory": directory.run,
}
# They take minutes, and `scale` 10 GB, so they run only when they are named.
NAMED = {
    "scale": scale.run,
    "attack": attack.run,
    "soak": soak.run,
    "waiting-1000": partial(waiting.run, 1000, 300, 10.0, 30.0),
    "waiting-2000": partial(waiting.run, 2000, 1000, 20.0, 100.0),
}


async def main(names: list[str]) -> None:
    for name in names or ALL:
        print(f"── {name} ({os.cpu_count()} cores, load {os.getloadavg()[0]:.1f})", flush=True)
        await (ALL | NAMED)[name]()


asyncio.run(main(sys.argv[1:]))
