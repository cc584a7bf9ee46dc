"""A server that stops sends waiting pages on, so that another process can continue with them."""

from __future__ import annotations

import asyncio
import time

from cobalt_link import app
from cobalt_link.app import House
from tests.support.text_browser import link_by_http
from tests.support.world import Sandbox, connected, shop


async def test_a_page_that_waits_is_sent_on_when_the_server_stops(house: House, sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", {"push_plan": "ignore"})
    serving = app.serving(house)
    await serving.__aenter__()
    async with app.working(house), connected(house) as http:
        acme = await shop(house, http, "Acme Scribe")
        page = await link_by_http(http, await acme.link_token(), "user_push", until="waiting")
        async with http.stream("GET", page.form.action) as response:
            parts = response.aiter_text()
            shown = await anext(parts)
            assert "http-equiv" not in shown
            began = time.monotonic()
            stop = asyncio.create_task(serving.__aexit__(None, None, None))
            rest = "".join([part async for part in parts])
        assert time.monotonic() - began < 2
        assert 'http-equiv="refresh"' in rest and rest.rstrip().endswith("</html>")
        await stop
