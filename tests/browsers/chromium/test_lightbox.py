"""The lightbox over an app's page in a real browser: opened however often, it shows once and leaves nothing behind."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS, Lightbox, click, escape
from tests.browsers.chromium.site import APP, Site
from tests.support.world import Shop

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("chromium")]

FRAMES = "document.querySelectorAll('html > div').length"


async def test_an_app_links_an_account_with_the_snippet_of_the_contract(visit: Opener, app: Shop) -> None:
    box = await visit()
    await box.launch()
    await box.sign_in()
    [[_, public_token]] = await box.told("success")
    await box.at("done")
    await box.press()
    await box.is_gone()
    assert (await app.exchange(public_token)).json()["success"] is True
    assert await box.log("exit") == []
    assert await box.log("load") == [["load"]]
    assert [each[2]["seq"] for each in await box.log("event")] == list(range(1, len(await box.log("event")) + 1))
    names = [each[1] for each in await box.log("event")]
    assert (names[0], names[-1]) == ("opened", "handed_over")


async def test_nothing_of_the_page_is_touched_before_link_opens(visit: Opener, site: Site) -> None:
    site.put("/plain", APP.replace("<script src", "<script data-src").format(link=""))
    plain = await (await visit("/plain")).traces()
    loaded = await (await visit("/")).traces()
    assert loaded[1:] == plain[1:]
    assert await (await visit("/")).page.evaluate("document.querySelectorAll('iframe, dialog, style').length") == 0


async def test_the_page_is_left_exactly_as_it_was(visit: Opener) -> None:
    box = await visit()
    await box.page.evaluate("document.documentElement.setAttribute('style', 'overflow:scroll;color:red')")
    await box.page.evaluate("document.querySelector('#go').focus(), scrollTo(0, 120)")
    before = await box.traces()
    await box.page.keyboard.press("Enter")
    await box.at("consent")
    await box.page.mouse.move(20, 20)
    await box.page.mouse.wheel(0, 500)
    assert (await box.traces())[3:] == ["hidden", 120]
    await click(box.frame.locator("a.x"))
    await box.is_gone()
    assert await box.traces() == before
    assert await box.page.evaluate("document.activeElement.id") == "go"


async def test_styles_that_the_app_changes_meanwhile_stay(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("document.documentElement.style.overflow = 'auto'")
    await click(box.frame.locator("a.x"))
    await box.is_gone()
    assert await box.page.evaluate("document.documentElement.getAttribute('style')") == "overflow: auto;"
    assert (await box.traces())[3] == "auto"


async def test_no_listener_and_no_style_sheet_is_left_behind(visit: Opener) -> None:
    box = await visit()
    await box.page.evaluate(
        """() => { window.listening = 0;
        const add = addEventListener, remove = removeEventListener;
        window.addEventListener = (...of) => { listening += of[0] === 'message'; add(...of); };
        window.removeEventListener = (...of) => { listening -= of[0] === 'message'; remove(...of); }; }"""
    )
    for _ in range(3):
        await box.launch()
        await box.at("consent")
        assert await box.page.evaluate("listening") == 1
        await escape(box.page)
        await box.is_gone()
    assert await box.page.evaluate("[listening, document.adoptedStyleSheets.length]") == [0, 0]


async def test_a_second_init_with_the_same_token_keeps_the_open_one_with_the_new_callbacks(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate(
        "{ const old = config(); window.second = CobaltLink.init({ ...old, onExit: () => log.push(['second']) }); }"
    )
    assert await box.page.evaluate(FRAMES) == 1
    assert await box.log("exit") == []
    await box.page.evaluate("second.close()")
    assert (await box.log("exit"), await box.log("second")) == ([], [["second"]])
    assert await box.page.evaluate(FRAMES) == 0


async def test_the_handle_of_a_call_before_does_not_close_what_its_successor_shows(visit: Opener) -> None:
    box = await visit()
    await box.page.evaluate("window.first = launch_cobalt(), window.second = launch_cobalt()")
    await box.page.evaluate("first.close()")
    assert await box.page.evaluate(FRAMES) == 1
    await box.page.evaluate("second.close(), second.close(), first.close()")
    assert await box.page.evaluate(FRAMES) == 0
    assert len(await box.log("exit")) == 1


async def test_another_token_takes_the_place_of_the_first(visit: Opener, app: Shop) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("token => { LINK_TOKEN = token; launch_cobalt(); }", await app.link_token())
    assert [each[1] for each in await box.log("exit")] == [None]
    await box.at("consent")
    await box.sign_in()
    assert len(await box.told("success")) == 1
    assert await box.page.evaluate(FRAMES) == 1


async def test_link_opens_again_after_it_was_closed(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await click(box.frame.locator("a.x"))
    await box.is_gone()
    await box.launch()
    await box.sign_in()
    assert len(await box.told("success")) == 1
    assert len(await box.log("exit")) == 1


async def test_init_before_the_document_is_read_opens_at_once(visit: Opener, site: Site, app: Shop) -> None:
    early = APP.replace("<title>", '<script src="{link}/init.js"></script><script>{early}</script><title>')
    call = (
        "window.log = []; CobaltLink.init({ token: location.hash.slice(7), onSuccess() { log.push(['success']); } });"
    )
    link = site.pages["/"][0].split('src="')[1].split("/init.js")[0]
    site.put("/early", early.format(link=link, early=call).replace(", log = []", ""))
    box = await visit("/early")
    await box.sign_in()
    assert await box.told("success") == [["success"]]
    assert await box.page.evaluate("document.body.querySelector('h1').textContent") == "App"


async def test_a_script_that_is_loaded_twice_defines_one_global(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    src = await box.page.evaluate("document.scripts[0].src")
    await box.page.evaluate("window.before = CobaltLink")
    await box.page.add_script_tag(url=src)
    assert await box.page.evaluate("before === CobaltLink")
    await box.page.evaluate("launch_cobalt()")
    assert await box.page.evaluate(FRAMES) == 1


async def escape_in_the_page(box: Lightbox) -> None:
    # As a person who tabbed out of the frame: the dialog itself has the focus.
    await box.page.evaluate("document.querySelector('html > div').shadowRoot.querySelector('dialog').focus()")
    await escape(box.page)


async def escape_in_the_frame(box: Lightbox) -> None:
    await box.frame.locator("main").evaluate("document.body.focus()")
    await escape(box.page)


async def cross(box: Lightbox) -> None:
    await click(box.frame.locator("a.x"))


WAYS = pytest.mark.parametrize("leave", [escape_in_the_page, escape_in_the_frame, cross])


@WAYS
async def test_escape_and_the_cross_close_at_once_while_nothing_is_typed(visit: Opener, leave) -> None:  # type: ignore[no-untyped-def]
    box = await visit()
    await box.launch()
    await box.agree()
    await box.shown("credentials")
    await leave(box)
    await box.is_gone()
    [[_, code, _, metadata]] = await box.told("exit")
    assert (code, metadata["status"]) == (None, "credentials")


@WAYS
async def test_escape_and_the_cross_ask_before_they_drop_what_was_typed(visit: Opener, leave) -> None:  # type: ignore[no-untyped-def]
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    await leave(box)
    await box.at("leaving")
    assert await box.log("exit") == []
    await box.frame.locator("button[name=stop]").click()
    await box.is_gone()
    assert [each[1] for each in await box.told("exit")] == [None]
    assert [each[1] for each in await box.log("event")][-1] == "left"


async def test_a_second_escape_closes_even_if_the_first_was_asked_about(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    await escape(box.page)
    await box.at("leaving")
    await escape(box.page)
    await box.is_gone()
    assert len(await box.told("exit")) == 1


async def test_a_dialog_that_the_browser_closes_by_itself_is_taken_away(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("document.querySelector('html > div').shadowRoot.querySelector('dialog').close()")
    await box.is_gone()
    assert len(await box.told("exit")) == 1
    assert (await box.traces())[3] == "visible"


async def test_the_dialog_and_its_frame_are_named_and_the_frame_is_sandboxed(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    frame = box.page.locator("iframe")
    await expect(box.page.get_by_role("dialog", name="Connect your EHR")).to_be_visible()
    assert await frame.get_attribute("title") == "Connect your EHR"
    allowed = "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    assert await frame.get_attribute("sandbox") == allowed


@pytest.mark.parametrize(("width", "height", "filled"), [(1000, 800, False), (390, 800, True), (320, 568, True)])
async def test_it_is_centered_and_fills_phones(visit: Opener, width: int, height: int, filled: bool) -> None:
    box = await visit()
    await box.page.set_viewport_size({"width": width, "height": height})
    await box.launch()
    await box.at("consent")
    shown = await box.dialog.bounding_box()
    assert shown is not None
    assert (shown["width"] == width and shown["height"] == height) is filled
    assert shown["x"] + shown["width"] / 2 == pytest.approx(width / 2, abs=1)
    assert shown["y"] + shown["height"] / 2 == pytest.approx(height / 2, abs=1)


async def test_keys_go_to_the_first_field_without_a_click(visit: Opener, page: Page) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.at("credentials")
    await page.keyboard.type("user_good")
    await expect(box.frame.locator("[name=username]")).to_have_value("user_good", timeout=SECONDS)
