"""The server without its worker, as the token benchmarks load it."""

import sys

from cobalt_link import app
from cobalt_link.settings import load
from cobalt_link.web import server


async def main(port: int) -> None:
    async with app.opened(load({"port": port})) as house, app.serving(house):
        await server.until_stopped()


server.run(main(int(sys.argv[1])))
