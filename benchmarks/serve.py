"""The server without its worker, as the token benchmarks load it."""

import asyncio
import sys

from cobalt_link import app
from cobalt_link.settings import load
from cobalt_link.web import server


async def main(port: int) -> None:
    async with app.opened(load({"port": port})) as house, app.serving(house):
        await server.until_stopped()


asyncio.run(main(int(sys.argv[1])))
