import asyncio

from cobalt_link.kit import granian
from tests.world import free_port


class Slow:
    """An app whose lifespan starts when it is let, as a busy machine's does."""

    def __init__(self):
        self.go = asyncio.Event()

    async def __call__(self, scope, receive, send):
        while scope["type"] == "lifespan":
            message = await receive()
            await self.go.wait()
            await send({"type": message["type"] + ".complete"})


async def test_a_server_that_is_stopped_as_soon_as_it_answers_ends():
    app = Slow()
    serving = granian.serving(app, "127.0.0.1", free_port())
    async with asyncio.timeout(30):
        opening = asyncio.ensure_future(serving.__aenter__())
        looking, _ = await asyncio.wait({opening}, timeout=0.2)
        app.go.set()
        await opening
        await serving.__aexit__(None, None, None)
    assert not looking  # it had not started, so it did not say that it answers
