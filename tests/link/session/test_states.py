"""The published state machine, and sessions that walk it at random against the real server."""

from __future__ import annotations

import random
from datetime import timedelta

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.session.states import TRANSITIONS, machine, walked
from tests.support.proof import RANDOM_WALKS
from tests.support.text_browser import Browser, Page, answers, public_token_of
from tests.support.world import Shop, connected

LOGINS = ("user_good", "user_code", "user_choice", "user_clinics", "user_locked", "user_expired")
PASSWORDS = ("pass_good", "pass_good", "wrong", "error_ehr_down", "error_unexpected", "error_no_rights")
STEPS = 14


async def test_the_machine_is_published_whole(client: httpx2.AsyncClient) -> None:
    published = (await client.get("/link/states.json")).json()
    assert {row["state"] for row in published["transitions"]} | set(published["final"]) == set(published["states"])
    assert len(published["transitions"]) == sum(len(events) for events in TRANSITIONS.values())
    assert published["initial"] == "created"


def test_every_state_can_be_reached_and_every_final_one_ends_the_session() -> None:
    reached = {"created"} | {row.next for row in machine().transitions}
    assert reached == set(TRANSITIONS)
    assert set(machine().final) == {"exchanged", "left", "expired"}


def test_an_event_that_the_machine_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="event 2, exchanged, is not allowed in the state open"):
        walked(["opened", "exchanged"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_random_walks_obey_the_machine_and_end(house: House, acme: Shop, clock: MovedClock, seed: int) -> None:
    """S-144: no token before consent and sign-in, no illegal transition, and every session ends."""
    chance = random.Random(seed)
    for _ in range(RANDOM_WALKS.times // 4):
        token = await acme.link_token(user_id=f"user-{chance.random()}")
        async with connected(house) as http:
            await _walk(chance, acme, Browser(http), token)
        seen = await acme.session(token)
        names = [event["name"] for event in seen["events"]]
        assert [event["seq"] for event in seen["events"]] == list(range(1, len(names) + 1))
        assert walked(names) == seen["state"]
        if "granted" in names:
            panes = [event["pane"] for event in seen["events"] if event["name"] == "answered"]
            assert "consent" in panes and panes.index("consent") < panes.index("credentials")
    clock.move(timedelta(hours=1))
    for chore in house.chores:
        if chore.name == "expiry":
            await chore.work()
    left = await house.db.one("SELECT count(*) AS n FROM link_sessions WHERE settled_at IS NULL")
    assert left == {"n": 0}
    assert await house.db.one("SELECT count(*) AS n FROM link_session_keys") == {"n": 0}


async def _walk(chance: random.Random, app: Shop, browser: Browser, token: str) -> None:
    page = await browser.open(f"/?token={token}")
    for _ in range(STEPS):
        before = await app.session(token)
        if before["public_token"]:
            assert before["state"] == "granted"
        if chance.random() < 0.1 and before["public_token"]:
            assert (await app.exchange(before["public_token"])).status_code == 200
            return
        if page.pane is None:
            return
        page = await _step(chance, app, browser, page)


async def _step(chance: random.Random, app: Shop, browser: Browser, page: Page) -> Page:
    dice = chance.random()
    if dice < 0.05:
        return await browser.open(page.url.split("?")[0] + "/exit")
    if dice < 0.10:
        return await browser.open(page.url.split("?")[0])
    if page.pane == "done":
        after = await browser.submit(page)
        if after.response.is_redirect:
            assert (await app.exchange(public_token_of(after))).status_code == 200
        else:  # exchanged before: there is no second token to go back with
            assert "callback" not in after.text
        return await browser.open(page.url.split("?")[0])
    if page.pane == "leaving":
        return await browser.submit(page, stop="1")
    if page.pane == "message":
        return await browser.submit(page, action=chance.choice(("again", "again", "change")))
    if page.pane == "code" and chance.random() < 0.4:
        return await browser.submit(page, code="000000")
    return await browser.submit(page, **answers(page, chance.choice(LOGINS), chance.choice(PASSWORDS)))
