"""Pages that are hostile by accident: Link opens over them, or the app learns the true reason why it did not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from playwright.async_api import BrowserContext, Frame, Page, Route, expect

from cobalt_link.app import House
from cobalt_link.link.pages import assets
from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS, Lightbox, click
from tests.browsers.chromium.site import APP, Site
from tests.support.world import Shop, shop

pytestmark = [pytest.mark.browser]

SCRIPT = '<script src="{link}/init.js"></script>'


class Hostile(NamedTuple):
    """What a page has before its first script, what it loads the SDK with, and its headers."""

    before: str = ""
    script: str = SCRIPT
    headers: Mapping[str, str] = MappingProxyType({})


def styled(css: str) -> Hostile:
    return Hostile(f"<style>{css}</style>")


ISOLATED = {"Cross_Origin_Opener_Policy": "same-origin"}
HOSTILE = {
    "div": styled("div { display: none !important }"),
    "div:empty": styled("div:empty { display: none !important }"),
    "html > *": styled("html > * { display: none !important; visibility: hidden; opacity: 0 }"),
    "everything": styled("* { all: unset !important; transition: all 9s !important; animation: x 9s !important }"),
    "invisible": styled("html { visibility: hidden; opacity: 0; filter: blur(9px); pointer-events: none }"),
    "far away": styled("html > div { position: fixed !important; left: -9999px !important; zoom: 0.1 !important }"),
    "clipped": styled("html, body, div { overflow: clip; contain: strict; clip-path: inset(100%); height: 0 }"),
    "content": styled("div { content-visibility: hidden !important; pointer-events: none !important }"),
    "transformed": styled("html { transform: scale(0.2) rotate(90deg); perspective: 9px }"),
    "zoomed": styled("html { zoom: 1.5 }"),
    "zoomed out": styled("html { zoom: 0.5; font-size: 3px } body { zoom: 3 }"),
    "dialogs": styled("dialog, iframe, section, ::backdrop { display: none !important; width: 9px !important }"),
    "right to left": Hostile("<script>document.documentElement.dir = 'rtl'; document.body.inert = true</script>"),
    "require-corp": Hostile(headers={"Cross_Origin_Embedder_Policy": "require-corp"}),
    "credentialless": Hostile(headers={"Cross_Origin_Embedder_Policy": "credentialless"}),
    "isolated": Hostile(headers={"Cross_Origin_Embedder_Policy": "require-corp", **ISOLATED}),
    "isolated, credentialless": Hostile(headers={"Cross_Origin_Embedder_Policy": "credentialless", **ISOLATED}),
    "an element named CobaltLink": Hostile('<div id="CobaltLink"></div>'),
    "two of them": Hostile('<p id="CobaltLink"></p><form name="CobaltLink"><input name="init"></form>'),
    "a form with an init": Hostile('<form id="CobaltLink"><input name="init"></form>'),
    "a frame named CobaltLink": Hostile('<iframe name="CobaltLink" src="http://127.0.0.1:{port}/none"></iframe>'),
    "a variable of that name": Hostile("<script>var CobaltLink = window.CobaltLink || {}</script>"),
    "an element named currentScript": Hostile('<img name="currentScript" src="/init.js"><embed name="currentScript">'),
    "a module": Hostile(script='<script type="module" src="{link}/init.js"></script>'),
    "an import": Hostile(script='<script type="module">import "{link}/v{version}/init.js"</script>'),
    "async": Hostile(script='<script async src="{link}/init.js?v=2"></script>'),
    "no stack": Hostile("<script>Error.stackTraceLimit = 0</script>"),
    "an observer that removes styles": Hostile(
        "<script>new MutationObserver(() => document.querySelector('html > div')?.removeAttribute('style'))"
        ".observe(document, { subtree: true, childList: true, attributes: true })</script>"
    ),
}


def build(case: Hostile, house: House, site: Site) -> str:
    link = house.settings.public_url
    html = APP.replace(SCRIPT, case.script.replace("{version}", assets.VERSION)).format(link=link)
    return html.replace("<h1>", case.before.replace("{port}", str(site.port)) + "<h1>")


async def is_shown_in_full(box: Lightbox) -> None:
    """Link is there, in its own size, in the middle, on top of everything."""
    await box.at("consent")
    assert await box.frame.locator("main").evaluate("() => [innerWidth, innerHeight]") == [420, 680]
    rect = await box.dialog.bounding_box()
    assert rect is not None
    assert [rect["width"], rect["height"]] == pytest.approx([420, 680], abs=1)
    assert [rect["x"], rect["y"]] == pytest.approx([290, 60], abs=1)
    assert await box.page.evaluate("document.elementFromPoint(500, 400) === document.documentElement.lastElementChild")
    await expect(box.frame.locator("button[name=agree][value=yes]")).to_be_visible()


async def test_link_opens_in_full_over_every_hostile_page(visit: Opener, site: Site, house: House) -> None:
    failed: dict[str, str] = {}
    for name, case in HOSTILE.items():
        site.put("/hostile", build(case, house, site), **case.headers)
        try:
            box = await visit(f"/hostile?{quote(name)}")
            await box.page.evaluate("launch_cobalt(), 0")
            await is_shown_in_full(box)
            await box.page.evaluate("launch_cobalt().close()")
            await box.is_gone()
            assert [each[1] for each in await box.log("exit")] == [None]
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"[:300]
    assert failed == {}


async def test_isolated_pages_stay_isolated_and_link_an_account(
    visit: Opener, site: Site, house: House, app: Shop
) -> None:
    for policy in ("require-corp", "credentialless"):
        headers = {"Cross_Origin_Embedder_Policy": policy, **ISOLATED}
        site.put("/isolated", APP.format(link=house.settings.public_url), **headers)
        box = await visit(f"/isolated?{policy}", token=await app.link_token(user_id=policy))
        assert await box.page.evaluate("crossOriginIsolated") is True
        await box.launch()
        await box.sign_in()
        assert len(await box.called("success")) == 1


LOST = {
    "removed": "node.remove()",
    "moved": "document.body.append(node)",
    "replaced": "node.replaceWith(node.cloneNode(true))",
    "a new root": "document.documentElement.replaceWith(document.documentElement.cloneNode(true))",
    "all but head and body": "document.documentElement.replaceChildren(document.head, document.body)",
    "written anew": "document.open(), document.write('<button id=go>App</button>'), document.close()",
}


async def test_a_lightbox_that_the_page_takes_away_counts_as_closed(visit: Opener, app: Shop) -> None:
    for name, take in LOST.items():
        box = await visit(f"/?{quote(name)}")
        await box.launch()
        await box.at("consent")
        await box.page.evaluate(f"{{ const node = document.querySelector('html > div'); {take}; }}")
        assert [each[1] for each in await box.called("exit")] == [None], name
        assert (await box.page_state())[1] == 0, name
        assert await box.page.evaluate("[...document.querySelectorAll('*')].some(each => each.shadowRoot)") is False, (
            name
        )
        await box.page.evaluate("launch_cobalt(), 0")
        await box.at("consent")
        assert len(await box.log("exit")) == 1, name


async def test_init_in_the_same_turn_opens_what_the_page_has_just_taken_away(visit: Opener) -> None:
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("document.querySelector('html > div').remove(), launch_cobalt(), 0")
    await box.sign_in()
    assert len(await box.called("success")) == 1
    assert [each[1] for each in await box.log("exit")] == [None]


THROWING = """window.thrown = [], addEventListener('error', event => thrown.push(event.error.message));
    config = () => ({ token: LINK_TOKEN, ...Object.fromEntries(['onSuccess', 'onExit', 'onEvent', 'onLoad'].map(name =>
      [name, (...args) => { log.push([name.slice(2).toLowerCase(), ...args]); throw Error(name); }])) }), 0"""


async def test_a_callback_that_throws_breaks_nothing(visit: Opener, app: Shop) -> None:
    box = await visit()
    await box.page.focus("#go")
    before = await box.page_state()
    await box.page.evaluate(THROWING)
    await box.launch()
    await box.at("consent")
    await box.called("event")  # what is on its way as Link is replaced is not reported
    await box.page.evaluate("token => { LINK_TOKEN = token; launch_cobalt(); }", await app.link_token())
    await box.at("consent")
    assert len(await box.log("exit")) == 1
    await box.sign_in()
    [[_, public_token]] = await box.called("success")
    await box.press()
    await box.is_gone()
    assert (await app.exchange(public_token)).json()["success"] is True
    assert (await box.page_state())[1:3] == before[1:3]
    assert set(await box.page.evaluate("thrown")) == {"onSuccess", "onExit", "onEvent", "onLoad"}
    assert len(await box.log("load")) == 2
    # Both link sessions report all their events, each once.
    seqs = [each[2]["seq"] for each in await box.log("event")]
    assert seqs.count(1) == 2 and len(seqs) == max(seqs) + seqs[1:].index(1) + 1


NEEDS = "CobaltLink.init needs a token from POST /link/token/create"


async def test_init_says_what_it_needs(visit: Opener, site: Site, house: House) -> None:
    box = await visit()
    call = "args => { try { return CobaltLink.init(...args), 'opened' } catch (error) { return error.message } }"
    for nothing in ([], [None], [0]):
        assert await box.page.evaluate(call, nothing) == NEEDS
    assert await box.dialog.count() == 0
    # A copy in the app's own bundle must not take the app for the server.
    script = await (await box.page.request.get(f"{house.settings.public_url}/init.js")).text()
    for path in ("/bundle.js", "/own/init.js"):
        site.put(path, script)
        site.put("/copied", APP.format(link="").replace('src="/init.js"', f'src="{path}"'))
        box = await visit(f"/copied?{path}")
        message = await box.page.evaluate(call, [{"token": "lt_test_x"}])
        assert message == "Load init.js from your server"
        assert await box.dialog.count() == 0


# What keeps Link from showing
# ----------------------------------------------------------------------------------------------


async def exited(where: Page | Frame) -> list[Any]:
    """Code and message of the one call of `onExit`."""
    await where.wait_for_function("log.some(each => each[0] === 'exit')", timeout=SECONDS)
    [[_, code, message, _]] = await where.evaluate("log.filter(each => each[0] === 'exit')")
    return [code, message]


async def in_frame(page: Page, address: str, outer: str) -> Frame:
    """The app's page within the page at `outer`, with Link launched."""
    await page.goto(outer)
    inner = next(each for each in page.frames if each.url.startswith(address) and each != page.main_frame)
    await inner.evaluate("launch_cobalt(), 0")
    return inner


def portal(address: str, sandbox: str = "") -> str:
    return f'<!doctype html><title>Portal</title><iframe {sandbox} width="900" height="700" src="{address}"></iframe>'


async def test_an_unknown_token_is_told_apart(visit: Opener, site: Site, house: House, app: Shop) -> None:
    mistyped = (await app.link_token())[:-1] + "?"
    for token in ("lt_test_nothing", mistyped, "undefined"):
        box = await visit(f"/?{token}", token=token)
        await box.launch()
        code, message = await exited(box.page)
        assert code == "link_unknown"
        assert f"{house.settings.public_url} does not know this link token" in message
        await box.reads("This link doesn’t work")
        await click(box.frame.locator("main [href='#close']"))
        await box.is_gone()
        assert len(await box.log("exit")) == 1


async def test_a_portal_around_the_page_is_named(app: Shop, site: Site, page: Page) -> None:
    inner = f"{site.address}/#token={await app.link_token()}"
    site.put("/portal", portal(inner))
    around = f"http://127.0.0.1:{site.port}"
    frame = await in_frame(page, site.address, f"{around}/portal")
    code, message = await exited(frame)
    assert code == "origin_not_registered"
    assert f"in a frame of {around}, which is not registered" in message
    assert message.endswith(f"cobalt clients update CLIENT --origin {site.address} --origin {around}")
    panel = frame.locator("dialog[open]")
    await expect(panel).to_contain_text(f"--origin {around}")
    async with page.expect_popup() as opening:
        await panel.get_by_role("link", name="Open it in a new window").click()
    await expect((await opening.value).locator("form[data-pane=consent]")).to_be_visible(timeout=SECONDS)


async def test_a_registered_portal_shows_link(app: Shop, house: House, site: Site, page: Page) -> None:
    around = f"http://127.0.0.1:{site.port}"
    both = await shop(house, app.http, "Acme Scribe", origins=[site.address, around])
    site.put("/portal", portal(f"{site.address}/#token={await both.link_token()}"))
    frame = await in_frame(page, site.address, f"{around}/portal")
    await expect(frame.frame_locator("iframe").locator("form[data-pane=consent]")).to_be_visible(timeout=SECONDS)


SANDBOXES = {
    "allow-scripts allow-same-origin": ("forms_blocked", "lacks allow-forms"),
    "allow-scripts allow-same-origin allow-popups": ("forms_blocked", "lacks allow-forms"),
    "allow-scripts allow-forms": ("not_shown", "allow-same-origin"),
}


async def test_a_sandbox_around_the_page_is_told(app: Shop, site: Site, page: Page) -> None:
    for sandbox, (code, reason) in SANDBOXES.items():
        inner = f"{site.address}/#token={await app.link_token()}"
        site.put("/sandboxed", portal(inner, f'sandbox="{sandbox}"'))
        found = await exited(await in_frame(page, site.address, f"{site.address}/sandboxed"))
        assert (found[0], reason in found[1]) == (code, True), found


async def test_a_blocked_script_of_links_page_is_told(visit: Opener, context: BrowserContext) -> None:
    async def block(route: Route) -> None:
        await route.abort("blockedbyclient")

    await context.route(re.compile(r"/static/link\.[0-9a-f]+\.js$"), block)
    box = await visit()
    await box.launch()
    code, message = await exited(box.page)
    assert (code, "blocked Link’s script" in message) == ("script_blocked", True)
    await expect(box.dialog.get_by_role("link", name="Open it in a new window")).to_be_focused()


async def test_a_server_that_is_away_is_told(visit: Opener, context: BrowserContext, house: House) -> None:
    box = await visit()
    await context.route(f"{house.settings.public_url}/?*", lambda route: route.abort("connectionrefused"))
    await box.launch()
    code, message = await exited(box.page)
    assert (code, "the server did not answer" in message) == ("not_shown", True)
