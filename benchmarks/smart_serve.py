"""The server with its worker and an app registered at one SMART sandbox EHR, as the SMART benchmarks load it."""

import asyncio
import sys

from tests.support.ehrs.smart_sandbox import at

from cobalt_link import app
from cobalt_link.settings import load
from cobalt_link.web import server


async def main(port: int, public_url: str, ehr: str) -> None:
    async with app.opened(load({"port": port, "public_url": public_url})) as house, at(ehr) as sandbox:
        await sandbox.register(house)
        async with app.working(house), app.serving(house):
            await server.until_stopped()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
