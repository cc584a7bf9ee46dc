"""Interruptions while a user links: network, clock, Back button, a second tab. Each ends in one clear state."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS, click, escape
from tests.support.world import Shop

pytestmark = [pytest.mark.browser]

# A busy browser: the view transition swaps the page a second late.
LATE = """document.startViewTransition = change => {
  return { updateCallbackDone: new Promise(done => setTimeout(done, 1000)).then(change) };
}"""


async def failing(context: BrowserContext, pattern: str, times: int, *, after_arrival: bool = False) -> list[str]:
    """Drops the first requests that match. Returns their methods. With `after_arrival`, only the responses are lost."""
    dropped: list[str] = []

    async def drop(route: Route) -> None:
        if len(dropped) >= times:
            return await route.continue_()
        dropped.append(route.request.method)
        if after_arrival:
            await route.fetch()
        await route.abort("connectionreset")

    await context.route(pattern, drop)
    return dropped


LOST = {"the request": False, "the response": True}  # and whether the request has arrived then


async def test_a_lost_connection_at_the_hand_over_gives_the_app_one_token(
    visit: Opener, app: Shop, context: BrowserContext
) -> None:
    for lost, after_arrival in LOST.items():
        dropped = await failing(context, "**/done", 2, after_arrival=after_arrival)
        box = await visit(f"/?{lost}", token=await app.link_token(user_id=lost))
        await box.launch()
        await box.sign_in()
        [[_, public_token]] = await box.called("success")
        assert dropped == ["POST", "POST"], lost
        await box.press()
        await box.is_gone()
        assert len(await box.log("success")) == 1, lost
        assert await box.log("exit") == [], lost
        assert (await app.exchange(public_token)).json()["success"] is True, lost
        await context.unroute_all()


async def test_back_to_the_app_waits_for_the_token_while_the_network_is_down(
    visit: Opener, context: BrowserContext
) -> None:
    await failing(context, "**/done", 3)
    box = await visit()
    await box.launch()
    await box.sign_in()
    await box.at("done")
    await box.press()
    await box.is_gone()
    assert len(await box.log("success")) == 1
    assert await box.log("exit") == []


async def test_the_token_is_handed_over_however_late_the_browser_shows_the_last_pane(
    visit: Opener, app: Shop, browser: Browser
) -> None:
    context = await browser.new_context(reduced_motion="no-preference")
    await context.add_init_script(LATE)
    box = await visit(at=await context.new_page())
    await box.launch()
    await box.sign_in()
    await box.at("done")
    await box.press()
    await box.is_gone()
    [[_, public_token]] = await box.log("success")
    assert (await app.exchange(public_token)).json()["success"] is True
    await context.close()


async def test_an_answer_that_the_network_lost_is_sent_again_once(
    visit: Opener, app: Shop, context: BrowserContext
) -> None:
    for lost, after_arrival in LOST.items():
        token = await app.link_token(user_id=lost)
        box = await visit(f"/?{lost}", token=token)
        await box.launch()
        await box.agree()
        await box.type()
        dropped = await failing(context, "**/link/*", 1, after_arrival=after_arrival)
        await box.press()
        if not after_arrival:
            await box.reads("You’re offline")
            await expect(box.frame.locator("[name=username]")).to_have_value("user_good")
        assert len(await box.called("success")) == 1, lost
        assert dropped == ["POST"], lost
        answered = [each["pane"] for each in (await app.session(token))["events"] if each["name"] == "answered"]
        assert answered == ["consent", "credentials"], lost
        await context.unroute_all()


async def test_link_says_that_it_is_offline_keeps_what_was_typed_and_goes_on_by_itself(
    visit: Opener, context: BrowserContext
) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    await context.set_offline(True)
    await box.press()
    await box.reads("You’re offline")
    await expect(box.frame.locator("[name=password]")).to_have_value("pass_good")
    await context.set_offline(False)
    assert len(await box.called("success")) == 1


async def test_link_closes_while_it_is_offline(visit: Opener, context: BrowserContext) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    await context.set_offline(True)
    await box.press()
    await box.reads("You’re offline")
    await escape(box.page)
    await box.is_gone()
    assert len(await box.log("exit")) == 1


async def test_an_answer_sent_twice_counts_once(visit: Opener, house: House) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    await box.frame.locator("form[data-pane]").evaluate("form => { form.requestSubmit(); form.requestSubmit(); }")
    assert len(await box.called("success")) == 1
    answered = await house.db.rows("SELECT pane FROM link_events WHERE name = 'answered'")
    assert [each["pane"] for each in answered] == ["consent", "credentials"]


async def test_an_answer_brings_the_next_pane_without_another_request(visit: Opener, page: Page) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    async with page.expect_response(lambda response: response.request.method == "POST") as answer:
        await box.agree()
    assert (await answer.value).status == 200
    await box.at("credentials")
    assert (await answer.value).request.redirected_to is None


async def test_link_leaves_the_history_of_the_page_alone(visit: Opener, page: Page) -> None:
    await page.goto("about:blank")
    box = await visit()
    before = await page.evaluate("history.length")
    await box.launch()
    await box.sign_in("user_code")
    await box.at("code")
    await click(box.frame.locator("a.x"))
    await box.at("leaving")
    await box.frame.locator("a.go").click()
    await box.at("code")
    assert await page.evaluate("history.length") == before
    await page.go_back()
    assert page.url == "about:blank"
    await page.go_forward()
    await box.launch()
    await box.at("code")


async def test_back_in_a_window_shows_the_open_pane(app: Shop, house: House, page: Page) -> None:
    await page.goto(f"{house.settings.public_url}/?token={await app.link_token()}")
    await page.locator("button[name=agree][value=yes]").click()
    await page.locator("form[data-pane=credentials]").wait_for(timeout=SECONDS)
    await page.locator("a.x").click()
    await page.locator("form[data-pane=leaving]").wait_for(timeout=SECONDS)
    await page.go_back()
    await page.locator("form[data-pane=credentials]").wait_for(timeout=SECONDS)
    await page.locator("[name=username]").fill("user_good")
    await page.locator("[name=password]").fill("pass_good")
    await page.locator("button.go").click()
    await page.locator("form[data-pane=done]").wait_for(timeout=SECONDS)


async def test_a_pane_that_another_tab_answered_says_so_and_the_next_one_shows(
    app: Shop, house: House, context: BrowserContext
) -> None:
    first, second = await context.new_page(), await context.new_page()
    address = f"{house.settings.public_url}/?token={await app.link_token()}"
    await first.goto(address)
    await second.goto(address)
    await first.locator("button[name=agree][value=yes]").click()
    await first.locator("form[data-pane=credentials]").wait_for(timeout=SECONDS)
    await second.locator("button[name=agree][value=yes]").click()
    await second.locator("form[data-pane=credentials]").wait_for(timeout=SECONDS)
    await expect(second.locator("main")).to_contain_text("You already answered that")


async def test_the_browser_of_the_first_answer_goes_on(visit: Opener, app: Shop, browser: Browser) -> None:
    token = await app.link_token()
    box = await visit(token=token)
    await box.launch()
    await box.at("consent")
    context = await browser.new_context(reduced_motion="reduce")
    other = await visit(token=token, at=await context.new_page())
    await other.launch()
    await other.at("consent")
    await box.agree()
    await box.at("credentials")
    await other.agree()
    await other.reads("Go back to the browser you started in")
    await click(other.frame.locator("main [href='#close']"))
    await other.is_gone()
    assert [each[1] for each in await other.log("exit")] == ["other_browser"]
    await box.type()
    await box.press()
    assert len(await box.called("success")) == 1
    await context.close()


async def test_an_expired_token_is_fetched_again(visit: Opener, app: Shop, clock: MovedClock) -> None:
    box = await visit()
    clock.move(timedelta(minutes=31))
    await box.page.expose_function("fetched", app.link_token)
    await box.page.evaluate("window.fetching = () => CobaltLink.init({ ...config(), fetchToken: fetched })")
    await box.page.evaluate("fetching()")
    await box.at("consent")
    await box.page.evaluate("fetching()")
    assert await box.page.evaluate("document.querySelectorAll('html > div').length") == 1
    await box.sign_in()
    assert len(await box.called("success")) == 1
    assert await box.log("load") == [["load"]]
    seqs = [each[2]["seq"] for each in await box.log("event")]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_an_expired_token_is_reported_if_no_other_can_be_fetched(visit: Opener, clock: MovedClock) -> None:
    box = await visit()
    clock.move(timedelta(minutes=31))
    await box.launch()
    await box.reads("limited time")
    await click(box.frame.locator("main [href='#close']"))
    await box.is_gone()
    [[_, code, message, _]] = await box.log("exit")
    assert (code, message) == ("link_expired", "This page timed out")


async def test_the_token_may_come_from_fetch_token_alone(visit: Opener, app: Shop, page: Page) -> None:
    await page.expose_function("fetched", app.link_token)
    for fails in ("() => Promise.reject(new Error('no session'))", "() => { throw new Error('no session') }"):
        box = await visit(f"/?{len(fails)}", token="")
        await page.evaluate(f"CobaltLink.init({{ ...config(), fetchToken: {fails} }}), 0")
        [[_, code, message, _]] = await box.called("exit")
        assert (code, message) == ("token_not_fetched", "Error: no session"), fails
        await box.is_gone()
    box = await visit("/?resolves", token="")
    await page.evaluate("CobaltLink.init({ ...config(), fetchToken: fetched }), 0")
    await box.sign_in()
    assert len(await box.called("success")) == 1


async def test_closing_link_while_it_fetches_a_token_opens_nothing(visit: Opener, app: Shop) -> None:
    box = await visit(token="")
    late = "new Promise(done => { window.come = done; })"
    await box.page.evaluate(f"window.handle = CobaltLink.init({{ ...config(), fetchToken: () => {late} }}), 0")
    await box.page.evaluate("handle.close()")
    await box.page.evaluate("token => come(token)", await app.link_token())
    assert await box.page.evaluate("document.querySelectorAll('html > div').length") == 0
    assert len(await box.log("exit")) == 1


async def test_the_flow_goes_on_after_the_computer_slept_ten_minutes(
    visit: Opener, page: Page, clock: MovedClock
) -> None:
    await page.clock.install()
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type("user_code")
    clock.move(timedelta(minutes=10))
    await page.clock.fast_forward(600_000)
    await box.press()
    await box.at("code")
    clock.move(timedelta(minutes=3))
    await page.clock.fast_forward(180_000)
    await box.frame.locator("[name=code]").fill("123456")
    await box.press()
    assert len(await box.called("success")) == 1


async def test_a_link_session_that_expires_in_the_middle_of_the_flow_says_so(visit: Opener, clock: MovedClock) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    clock.move(timedelta(minutes=31))
    await box.press()
    await box.reads("30 minutes")
    await click(box.frame.locator("main [href='#close']"))
    await box.is_gone()
    assert [each[1] for each in await box.log("exit")] == ["link_expired"]


async def test_the_app_hears_of_the_end_while_the_page_is_open(visit: Opener, page: Page, clock: MovedClock) -> None:
    await page.clock.install()
    box = await visit()
    await box.launch()
    await box.agree()
    await box.frame.locator("[name=password]").fill("half a pass")
    clock.move(timedelta(minutes=31))
    await page.clock.fast_forward("30:05")
    await box.reads("30 minutes")
    [[_, code, message, metadata]] = await box.called("exit")
    assert (code, message, metadata["status"]) == ("link_expired", "This page timed out", "expired")
    assert [each[1] for each in await box.log("event")].count("expired") == 1
    assert await box.frame.locator("form, input").count() == 0
    # The lightbox stays, so that its user reads why, and tells the app nothing twice.
    await click(box.frame.locator("main [href='#close']"))
    await box.is_gone()
    assert len(await box.log("exit")) == 1


async def test_a_user_who_closes_link_returns_to_the_same_pane(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.sign_in("user_code")
    await box.pane_reported("code")
    await box.page.evaluate("launch_cobalt().close()")
    await box.is_gone()
    await box.launch()
    await box.at("code")


async def test_a_used_token_says_so(visit: Opener, context: BrowserContext) -> None:
    box = await visit()
    await box.launch()
    await box.sign_in()
    await box.called("success")
    await context.clear_cookies()
    await box.page.reload()
    await box.launch()
    await box.reads("already used")
    await click(box.frame.locator("main [href='#close']"))
    await box.is_gone()
    assert [each[1] for each in await box.log("exit")] == ["link_used"]


async def test_link_can_be_closed_if_its_page_never_loads(visit: Opener, context: BrowserContext) -> None:
    box = await visit()
    await context.route("**/?token=*", lambda route: asyncio.sleep(60))
    await box.page.clock.install()
    await box.launch()
    await box.page.clock.run_for(1100)
    await expect(box.dialog).to_contain_text("Opening")
    await box.dialog.get_by_role("button", name="Close").click()
    await box.is_gone()
    assert [each[1] for each in await box.log("exit")] == [None]
    await context.unroute_all(behavior="ignoreErrors")
