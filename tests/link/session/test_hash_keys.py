"""S-046: a new hash key ends nothing. What was issued, typed, or opened under any earlier one goes on working."""

from __future__ import annotations

from pathlib import Path

import httpx2

from cobalt_link.app import House
from cobalt_link.vault import Keyring
from tests.cli.cobalt import cobalt
from tests.support.proof import HASH_KEYS
from tests.support.text_browser import Browser, Page, go_on, link_by_http, public_token_by_http
from tests.support.world import Sandbox, Shop, connected, shop


class Issued:
    """One of everything that is found by a keyed hash, made under one hash key. Links are half done in three ways."""

    def __init__(self, house: House, acme: Shop, name: str) -> None:
        self.house, self.acme, self.name = house, acme, name
        self.opened: list[tuple[httpx2.AsyncClient, Page]] = []

    async def make(self, http: httpx2.AsyncClient) -> None:
        self.shop = await shop(self.house, http, f"App of {self.name}")
        self.access_token = await self._linked("reads")
        self.unused = await self._public_token("not exchanged yet")
        self.lost = await self._public_token("answer lost")
        self.answer = (await self.shop.exchange(self.lost, "order")).json()["access_token"]
        self.link_token = await self.shop.link_token(user_id="not opened yet")
        self.repairs = await self.shop.link_token(access_token=self.access_token)
        for until in ("consent", "credentials"):  # before and after the browser has become the owner
            browser = connected(self.house)
            page = await link_by_http(browser, await self.shop.link_token(user_id=until), until=until)
            self.opened.append((browser, page))

    async def _public_token(self, user: str) -> str:
        async with connected(self.house) as http:
            return await public_token_by_http(http, await self.shop.link_token(user_id=user))

    async def _linked(self, user: str) -> str:
        return (await self.shop.exchange(await self._public_token(user))).json()["access_token"]

    async def check_lasting(self) -> None:
        """What can be used more than once."""
        assert (await self.shop.call("GET", "/v1/providers", access_token=self.access_token)).status_code == 200
        assert (await self.shop.exchange(self.lost, "order")).json()["access_token"] == self.answer

    async def check_all(self) -> None:
        """The rest too, which uses it up."""
        await self.check_lasting()
        assert (await self.shop.exchange(self.unused)).status_code == 200
        for link_token in (self.link_token, self.repairs):
            async with connected(self.house) as http:
                assert (await self.shop.exchange(await public_token_by_http(http, link_token))).status_code == 200
        for http, page in self.opened:
            # As browsers do that say nothing of where a form comes from: then the form's own token decides (S-118).
            done = await go_on(Silent(http), page, "user_good", "pass_good")
            assert done.pane == "done", (self.name, done.status, done.text)
            await http.aclose()
        listed = (await self.shop.call("GET", "/v1/accounts")).json()["accounts"]
        assert len({each["user_id"] for each in listed}) == len(listed), "Linking again made a second account."
        await self._linked("reads")
        again = (await self.shop.call("GET", "/v1/accounts")).json()["accounts"]
        assert {each["id"] for each in again} == {each["id"] for each in listed}


class Silent(Browser):
    """A browser that sends neither Sec-Fetch-Site nor Origin."""

    async def _send(self, method: str, address: str, **options: object) -> httpx2.Response:
        return await super()._send(method, address, **{**options, "headers": {}})


async def test_generations_of_hash_keys_end_nothing(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    issued: list[Issued] = []
    for generation in range(HASH_KEYS.times):
        if generation:
            await new_hash_key(tmp_path)
        made = Issued(house, acme, f"generation {generation}")
        await made.make(client)
        issued.append(made)
        for each in issued:
            await each.check_lasting()
    for each in issued:
        await each.check_all()
    assert len(Keyring.load(tmp_path / "master.key").hashing) == HASH_KEYS.times
    print(f"S-046: {HASH_KEYS.times} generations of hash keys, 0 failures of what earlier ones had issued")


async def new_hash_key(data: Path) -> None:
    before = Keyring.load(data / "master.key")
    added = (await cobalt("keys", "add", "--hashing", "--json", data=data)).json["added"]
    assert (await cobalt("keys", "promote", added, "--json", data=data)).json == {"hashing": added}
    after = Keyring.load(data / "master.key")
    assert after.hashing[0].id == added and after.hashing[1:] == before.hashing
    assert after.primary == before.primary
