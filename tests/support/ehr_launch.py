"""A clinic whose sandbox EHR opens an app of ours: the operator has set it up, and a user is signed in there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2

from cobalt_link.app import House
from cobalt_link.connector import Connector
from cobalt_link.connectors.smart import Smart
from cobalt_link.link.session.launch_targets import LaunchTarget, LaunchTargets
from tests.support.ehrs.smart import App, Registered
from tests.support.smart_app import SmartApp, query_of
from tests.support.text_browser import Browser, Page
from tests.support.world import Sandbox, Shop, connected, shop

CALLBACK = "https://scribe.example/launched"
BASE = "/fhir/r4"


class LaunchingEhr:
    """`ehr` is the user's browser at the EHR, `shop` the app's server. `address` is the FHIR server's."""

    def __init__(self, house: House, ehr: httpx2.AsyncClient, shop: Shop, address: str) -> None:
        self.house = house
        self.ehr = ehr
        self.shop = shop
        self.address = address
        self.page = SmartApp(ehr, BASE, "client-1", "s3cret")

    async def start(self, patient: str = "10003") -> dict[str, str]:
        """The user presses the app's button. Returns what the EHR sends the browser with."""
        await self.ehr.post("/sign-in", data={"username": "user_good", "password": "pass_good"})
        started = await self.page.submit(await self.ehr.get("/oauth/launch"), app="client-1", patient=patient)
        assert started.headers["location"].startswith(f"{self.house.settings.public_url}/launch?"), started.text
        return query_of(started)

    async def agreed(self, browser: Browser, told: dict[str, str]) -> Page:
        """As far as the page that leads to the EHR."""
        page = await browser.open(f"/launch?{urlencode(told)}")
        assert page.pane == "consent", page.text
        return await browser.submit(page, agree="yes")

    async def allow(self, url: str) -> str:
        """What the browser of the signed-in user does at the EHR. Returns the address that it comes back to."""
        consent = await self.ehr.get(url)
        assert 'name="password"' not in consent.text, "the session of the launch goes on"
        back = await self.page.submit(consent, decision="allow")
        assert back.status_code == 303, back.text
        return back.headers["location"]

    async def finish(self, browser: Browser, page: Page) -> str:
        """From the page that leads to the EHR to the app's callback address."""
        url, _ = await leave(browser, page)
        ended = await browser.open(await self.allow(url))
        assert ended.response.is_redirect, ended.text
        return ended.response.headers["location"]


@asynccontextmanager
async def launching(house: House, http: httpx2.AsyncClient, sandbox: Sandbox) -> AsyncIterator[LaunchingEhr]:
    address = f"{sandbox.address}{BASE}"
    app = App(address)
    app.redirect_uri = f"{house.settings.public_url}/oauth/callback/{app.id}"
    connectors: dict[str, Connector] = house.deps.connectors  # type: ignore[assignment]
    connectors["smart"] = Smart(connectors["sandbox"].http, Registered(app))
    live = await shop(house, http, "Acme Scribe", test=False, callback_urls=["https://scribe.example/linked", CALLBACK])
    org = await house.developers.orgs.ensure(live.record, "riverside")
    target = LaunchTarget(
        address=address, client=live.record.id, org=org.id, callback_url=CALLBACK, created_at=house.deps.clock.now()
    )
    await LaunchTargets(house.db).set(target)
    async with httpx2.AsyncClient(base_url=sandbox.address, trust_env=False, verify=False, timeout=30) as ehr:
        found = LaunchingEhr(house, ehr, live, address)
        launch_url = f"{house.settings.public_url}/launch"
        await found.page.register(redirect_uris=[app.redirect_uri], launch_url=launch_url)
        yield found


async def leave(browser: Browser, page: Page) -> tuple[str, dict[str, list[str]]]:
    """Presses the button that leads to the EHR. Returns the address there, and its parameters."""
    assert page.pane == "redirect", page.text
    where, headers = urljoin(page.url, page.form.action), {"Origin": browser.origin}
    response = await browser.http.post(where, data=page.form.fields, headers=headers)
    url = Page(response).refresh or ""
    return url, parse_qs(urlsplit(url).query)


@asynccontextmanager
async def stranger(house: House) -> AsyncIterator[Browser]:
    """A browser of somebody else."""
    async with connected(house) as http:
        yield Browser(http)
