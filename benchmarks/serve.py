"""The server without its worker, as the token benchmarks load it."""

import asyncio
import sys

from cobalt_link import app
from cobalt_link.kit import granian
from cobalt_link.kit.settings import load


async def main(port: int) -> None:
    async with app.opened(load({"port": port})) as house, app.serving(house):
        await granian.stopped()


asyncio.run(main(int(sys.argv[1])))
