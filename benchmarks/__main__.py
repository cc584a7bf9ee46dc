"""`make bench`: every benchmark, each with its baseline in the same run. Names as arguments choose some of them."""

import asyncio
import os
import sys

from benchmarks import idle, link, page, start, strangers, tokens

ALL = {
    "start": start.run,
    "tokens": tokens.run,
    "strangers": strangers.run,
    "link": link.run,
    "idle": idle.run,
    "page": page.run,
}


async def main(names: list[str]) -> None:
    for name in names or ALL:
        print(f"── {name} ({os.cpu_count()} cores, load {os.getloadavg()[0]:.1f})", flush=True)
        await ALL[name]()


asyncio.run(main(sys.argv[1:]))
