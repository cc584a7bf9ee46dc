"""Acme Scribe, the example app, served as a client of the house: what a person clicks on before and after Link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from acme_scribe import create_app
from cobalt_link.app import House
from cobalt_link.web import server
from tests.stories.watched import Watched
from tests.support.world import Shop, free_port, shop


class Scribe:
    """`address` is the app's page, `app` its server's credentials."""

    def __init__(self, house: House, app: Shop, address: str) -> None:
        self.house, self.app, self.address = house, app, address

    async def connect(self, seen: Watched) -> None:
        """Somebody opens the app and presses its button: Link is in a new window."""
        await seen.goto(self.address)
        await seen.follow_into_new_window("Connect your EHR")

    async def schedule(self, seen: Watched, *ehr: str) -> list[str]:
        """Back in the app: the names of the patients, and what holds of every run. `ehr` is the origin of one with a
        sign-in page of its own."""
        await seen.at("Your visits")
        assert seen.foreign(self.address, self.house.settings.public_url, *ehr) == []  # S-123
        assert seen.said == []  # S-114: a broken policy is an error in the console
        assert await seen.tokens_shown() == []  # S-009
        return await seen.page.get_by_role("rowheader").all_inner_texts()


@asynccontextmanager
async def scribe(house: House, http: httpx2.AsyncClient, *, org_id: str, test: bool = True) -> AsyncIterator[Scribe]:
    """The app for one org, which names the EHR or leaves it to Link's picker."""
    port, link = free_port(), house.settings.public_url
    app = await shop(house, http, "Acme Scribe", test=test, callback_urls=[f"http://127.0.0.1:{port}/linked"])
    served = create_app(cobalt=link, link=link, client_id=app.record.client_id, client_secret=app.secret, org_id=org_id)
    async with server.serving(served, "127.0.0.1", port):
        yield Scribe(house, app, f"http://127.0.0.1:{port}")
