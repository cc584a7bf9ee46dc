"""The lightbox over an app's page: it opens once however often the app calls `init`, and it restores the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS, Lightbox, click, escape
from tests.browsers.chromium.site import APP, Site
from tests.support.world import Shop

pytestmark = [pytest.mark.browser]

FRAMES = "document.querySelectorAll('html > div').length"


async def test_the_snippet_in_the_contract_links_an_account(visit: Opener, app: Shop) -> None:
    box = await visit()
    await box.launch()
    await box.sign_in()
    [[_, public_token]] = await box.called("success")
    await box.at("done")
    await box.press()
    await box.is_gone()
    assert (await app.exchange(public_token)).json()["success"] is True
    assert await box.log("exit") == []
    assert await box.log("load") == [["load"]]
    assert [each[2]["seq"] for each in await box.log("event")] == list(range(1, len(await box.log("event")) + 1))
    names = [each[1] for each in await box.log("event")]
    assert (names[0], names[-1]) == ("opened", "handed_over")


async def test_the_script_changes_nothing_on_the_page_before_link_opens(visit: Opener, site: Site) -> None:
    site.put("/plain", APP.replace("<script src", "<script data-src").format(link=""))
    plain = await (await visit("/plain")).page_state()
    loaded = await (await visit("/")).page_state()
    assert loaded[1:] == plain[1:]
    assert await (await visit("/")).page.evaluate("document.querySelectorAll('iframe, dialog, style').length") == 0


async def test_the_page_is_restored_exactly(visit: Opener) -> None:
    box = await visit()
    await box.page.evaluate("document.documentElement.setAttribute('style', 'overflow:scroll;color:red')")
    await box.page.evaluate("document.querySelector('#go').focus(), scrollTo(0, 120)")
    before = await box.page_state()
    await box.page.keyboard.press("Enter")
    await box.at("consent")
    await box.page.mouse.move(20, 20)
    await box.page.mouse.wheel(0, 500)
    assert (await box.page_state())[3:] == ["hidden", 120]
    await click(box.frame.locator("a.x"))
    await box.is_gone()
    assert await box.page_state() == before
    assert await box.page.evaluate("document.activeElement.id") == "go"


async def test_styles_that_the_app_changes_while_link_is_open_stay(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("document.documentElement.style.overflow = 'auto'")
    await click(box.frame.locator("a.x"))
    await box.is_gone()
    assert await box.page.evaluate("document.documentElement.getAttribute('style')") == "overflow: auto;"
    assert (await box.page_state())[3] == "auto"


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


async def test_a_second_init_with_the_same_token_keeps_link_open_with_the_new_callbacks(visit: Opener) -> None:
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


async def test_an_earlier_handle_does_not_close_what_a_later_call_shows(visit: Opener) -> None:
    box = await visit()
    await box.page.evaluate("window.first = launch_cobalt(), window.second = launch_cobalt()")
    await box.page.evaluate("first.close()")
    assert await box.page.evaluate(FRAMES) == 1
    await box.page.evaluate("second.close(), second.close(), first.close()")
    assert await box.page.evaluate(FRAMES) == 0
    assert len(await box.log("exit")) == 1


async def test_another_token_replaces_the_first(visit: Opener, app: Shop) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("token => { LINK_TOKEN = token; launch_cobalt(); }", await app.link_token())
    assert [each[1] for each in await box.log("exit")] == [None]
    await box.at("consent")
    await box.sign_in()
    assert len(await box.called("success")) == 1
    assert await box.page.evaluate(FRAMES) == 1


async def test_link_opens_again_after_it_was_closed(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await click(box.frame.locator("a.x"))
    await box.is_gone()
    await box.launch()
    await box.sign_in()
    assert len(await box.called("success")) == 1
    assert len(await box.log("exit")) == 1


async def test_init_opens_link_before_the_document_is_loaded(visit: Opener, site: Site, app: Shop) -> None:
    early = APP.replace("<title>", '<script src="{link}/init.js"></script><script>{early}</script><title>')
    call = (
        "window.log = []; CobaltLink.init({ token: location.hash.slice(7), onSuccess() { log.push(['success']); } });"
    )
    link = site.pages["/"][0].split('src="')[1].split("/init.js")[0]
    site.put("/early", early.format(link=link, early=call).replace(", log = []", ""))
    box = await visit("/early")
    await box.sign_in()
    assert await box.called("success") == [["success"]]
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
    # A user who tabbed out of the frame: the dialog itself has the focus.
    await box.page.evaluate("document.querySelector('html > div').shadowRoot.querySelector('dialog').focus()")
    await escape(box.page)


async def escape_in_the_frame(box: Lightbox) -> None:
    await box.frame.locator("main").evaluate("document.body.focus()")
    await escape(box.page)


async def cross(box: Lightbox) -> None:
    await click(box.frame.locator("a.x"))


Leave = Callable[[Lightbox], Awaitable[None]]
WAYS: tuple[Leave, ...] = (escape_in_the_page, escape_in_the_frame, cross)


async def test_escape_and_the_cross_close_at_once_while_nothing_is_typed(visit: Opener) -> None:
    for leave in WAYS:
        box = await visit(f"/?{leave.__name__}")
        await box.launch()
        await box.agree()
        await box.pane_reported("credentials")
        await leave(box)
        await box.is_gone()
        [[_, code, _, metadata]] = await box.called("exit")
        assert (code, metadata["status"]) == (None, "credentials"), leave.__name__


async def test_escape_and_the_cross_ask_before_they_drop_what_was_typed(visit: Opener) -> None:
    for leave in WAYS:
        box = await visit(f"/?{leave.__name__}")
        await box.launch()
        await box.agree()
        await box.type()
        await leave(box)
        await box.at("leaving")
        assert await box.log("exit") == [], leave.__name__
        await click(box.frame.locator("button[name=stop]"))
        await box.is_gone()
        assert [each[1] for each in await box.called("exit")] == [None], leave.__name__
        assert [each[1] for each in await box.log("event")][-1] == "left", leave.__name__


async def test_a_second_escape_closes_link_without_asking(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    await escape(box.page)
    await box.at("leaving")
    await escape(box.page)
    await box.is_gone()
    assert len(await box.called("exit")) == 1


async def test_a_dialog_that_the_browser_closes_by_itself_is_removed(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("document.querySelector('html > div').shadowRoot.querySelector('dialog').close()")
    await box.is_gone()
    assert len(await box.called("exit")) == 1
    assert (await box.page_state())[3] == "visible"


async def test_the_dialog_and_its_frame_are_named_and_the_frame_is_sandboxed(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    frame = box.page.locator("iframe")
    await expect(box.page.get_by_role("dialog", name="Connect your EHR")).to_be_visible()
    assert await frame.get_attribute("title") == "Connect your EHR"
    allowed = "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    assert await frame.get_attribute("sandbox") == allowed


async def test_the_lightbox_is_centered_and_fills_the_screen_of_a_phone(visit: Opener) -> None:
    box = await visit()
    for width, height, filled in ((1000, 800, False), (390, 800, True), (320, 568, True)):
        await box.page.set_viewport_size({"width": width, "height": height})
        await box.page.evaluate("window.handle = launch_cobalt(), 0")
        await box.at("consent")
        shown = await box.dialog.bounding_box()
        assert shown is not None
        assert (shown["width"] == width and shown["height"] == height) is filled, width
        assert shown["x"] + shown["width"] / 2 == pytest.approx(width / 2, abs=1), width
        assert shown["y"] + shown["height"] / 2 == pytest.approx(height / 2, abs=1), width
        await box.page.evaluate("handle.close()")
        await box.is_gone()


async def test_keys_go_to_the_first_field_without_a_click(visit: Opener, page: Page) -> None:
    box = await visit()
    await box.launch()
    await box.agree()
    await box.at("credentials")
    await page.keyboard.type("user_good")
    await expect(box.frame.locator("[name=username]")).to_have_value("user_good", timeout=SECONDS)
