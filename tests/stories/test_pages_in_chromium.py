"""Ways through Link beside the straight one, in a real Chromium: finding a practice, leaving, coming late or second."""

from datetime import timedelta

import httpx2
import pytest
from playwright.async_api import Browser

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.stories.scribe import scribe
from tests.stories.watched import watched
from tests.support.world import Sandbox, Shop

pytestmark = [pytest.mark.browser]

BOTH = pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])


def link_of(house: House, token: str) -> str:
    return f"{house.settings.public_url}/?token={token}"


@BOTH
async def test_a_practice_is_found_by_its_name(
    house: House, client: httpx2.AsyncClient, browser: Browser, scripts: bool
) -> None:
    sandbox = house.settings.ehr_addresses["sandbox"]
    async with scribe(house, client, org_id="unknown") as app, watched(browser, java_script_enabled=scripts) as seen:
        await app.app.link_token(org_id="river", emr_name="Sandbox EHR", emr_instance_domain=sandbox)
        practice = {"branding_name": "Riverside Family Medicine", "place": "Larkspur Falls, NY", "listed": True}
        assert (await app.app.call("PATCH", "/v1/orgs/river", json=practice)).status_code == 200
        await app.connect(seen)
        await seen.at("Find your practice")
        await seen.type("Practice, clinic, or hospital", "larkspur")
        await seen.page.keyboard.press("Enter")
        await seen.reads("1 match")
        await seen.press("Riverside Family Medicine")
        await seen.at("Let Acme Scribe use your EHR?")
        await seen.press("Allow and continue")
        await seen.sign_in("user_good")
        assert await app.schedule(seen)


@BOTH
async def test_a_practice_that_is_not_listed_is_typed(
    house: House, client: httpx2.AsyncClient, browser: Browser, scripts: bool
) -> None:
    sandbox = house.settings.ehr_addresses["sandbox"]
    async with scribe(house, client, org_id="unknown") as app, watched(browser, java_script_enabled=scripts) as seen:
        await app.connect(seen)
        await seen.at("Find your practice")
        await seen.follow("My practice isn’t listed")
        await seen.at("Where do you sign in?")
        await seen.page.get_by_label("EHR", exact=True).select_option(label="Sandbox EHR")
        await seen.type("Web address", f"{app.address}/nothing-here")
        await seen.press("Continue")
        await seen.reads("Sandbox EHR isn’t at this address")
        await seen.type("Web address", sandbox)
        await seen.press("Continue")
        await seen.at("Let Acme Scribe use your EHR?")
        await seen.press("Allow and continue")
        await seen.sign_in("user_good")
        assert await app.schedule(seen)


@BOTH
async def test_who_leaves_shares_nothing_and_may_stay_after_all(
    house: House, client: httpx2.AsyncClient, browser: Browser, acme: Shop, scripts: bool
) -> None:
    token = await acme.link_token()
    async with watched(browser, java_script_enabled=scripts) as seen:
        await seen.goto(link_of(house, token))
        await seen.press("Allow and continue")
        await seen.at("Sign in to Sandbox EHR")
        await seen.type("Sandbox EHR username", "user_good")
        await seen.page.locator("a.x").click()
        await seen.at("Stop connecting?")
        await seen.page.get_by_text("Keep going").click()
        await seen.at("Sign in to Sandbox EHR")
        await seen.page.locator("a.x").click()
        await seen.at("Stop connecting?")
        await seen.page.get_by_role("button", name="Stop", exact=True).click()
        await seen.at("You stopped connecting")
        await seen.goto(link_of(house, token))  # the same browser comes back to its own ending
        await seen.at("You stopped connecting")
    session = await acme.session(token)
    assert (session["state"], session["account_id"], session["public_token"]) == ("left", None, None)


async def test_a_link_that_was_used_opens_for_nobody_else(
    house: House, client: httpx2.AsyncClient, browser: Browser, acme: Shop
) -> None:
    token = await acme.link_token()
    async with watched(browser) as mine, watched(browser) as theirs:
        await mine.goto(link_of(house, token))
        await theirs.goto(link_of(house, token))  # only looked at so far: the one who answers first has it
        await theirs.at("Let Acme Scribe use your EHR?")
        await theirs.press("Allow and continue")
        await theirs.at("Sign in to Sandbox EHR")
        await mine.press("Allow and continue")
        await mine.at("Go back to the browser you started in")
        await mine.goto(link_of(house, token))
        await mine.at("Go back to the browser you started in")
        assert "Sandbox" not in await mine.page.inner_text("body")
        await theirs.sign_in("user_good")
        await theirs.at("You’re connected")
        await mine.goto(link_of(house, token))
        await mine.at("This link was already used")
        assert not [text for seen in (mine, theirs) for text in await seen.tokens_shown()]  # S-009


@BOTH
async def test_who_takes_too_long_starts_again_in_the_app(
    house: House, client: httpx2.AsyncClient, browser: Browser, acme: Shop, clock: MovedClock, scripts: bool
) -> None:
    token, unused = await acme.link_token(), await acme.link_token()
    async with watched(browser, java_script_enabled=scripts) as seen:
        await seen.goto(link_of(house, token))
        await seen.press("Allow and continue")
        await seen.at("Sign in to Sandbox EHR")
        clock.move(timedelta(minutes=31))
        await seen.sign_in("user_good")
        await seen.at("This page timed out")
        await seen.goto(link_of(house, unused))
        await seen.at("This page timed out")
    assert (await acme.session(token))["state"] == "expired"


async def test_a_script_says_after_a_while_that_the_ehr_is_slow(
    house: House, browser: Browser, acme: Shop, sandbox: Sandbox
) -> None:
    token = await acme.link_token()
    async with watched(browser) as seen:
        await seen.context.clock.install()
        await seen.goto(link_of(house, token))
        await seen.press("Allow and continue")
        await seen.at("Sign in to Sandbox EHR")
        await sandbox.lab("faults", {"slow_ms": 6000, "only_path": "/api/login", "times": 1})
        await seen.sign_in("user_good")
        await seen.at("Connecting to Sandbox EHR")
        notice = seen.page.get_by_text("Sandbox EHR is slow right now")
        assert await notice.count() == 0
        await seen.context.clock.fast_forward(20_000)
        await notice.wait_for()
        await seen.at("You’re connected")
        assert await notice.count() == 0
