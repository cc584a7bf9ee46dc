"""Which pages may frame Link, and which messages the two sides accept: exact origins and exact windows only."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha384

import pytest
from playwright.async_api import ConsoleMessage, Page, expect

from cobalt_link.app import House
from cobalt_link.link.pages import assets
from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import SECONDS
from tests.browsers.chromium.packing import CLIENT
from tests.browsers.chromium.site import APP, Site, served
from tests.docs.samples import DOCS, samples
from tests.support.world import Shop, shop

pytestmark = [pytest.mark.browser]

# Posts messages of each type that the SDK or the frame handles, well formed and malformed, as an attacker would.
FUZZ = """([target, count, seed]) => {
  const pick = list => list[(seed = (seed * 1103515245 + 12345) % 2147483648) % list.length];
  const odd = [undefined, null, 0, -1, 1e9, '', 'pt_test_' + 'A'.repeat(43), {}, [], true, NaN, '__proto__'];
  for (let n = 0; n < count; n++) {
    const message = { cobalt: pick([1, 1, 1, '1', 2]),
      type: pick(['hello', 'event', 'success', 'close', 'expired', 'leave', 'focus', 'toString', ...odd]) };
    for (const name of ['public_token', 'name', 'seq', 'pane', 'code', 'message', 'session', 'expired', 'at'])
      if (pick([true, false])) message[name] = pick(odd);
    message.public_token ??= 'pt_test_' + 'A'.repeat(43);
    target.postMessage(pick([message, message, message, ...odd]), '*');
  }
}"""
EVIL = '<!doctype html><title>Evil</title><link rel="icon" href="data:,"><body>{body}</body>'


async def settled(page: Page) -> None:
    """Waits until the page has received every message that was posted before."""
    await page.evaluate(
        "new Promise(done => { const { port1, port2 } = new MessageChannel(); "
        "port1.onmessage = () => setTimeout(done, 50); port2.postMessage(0); })"
    )


async def test_a_thousand_forged_messages_from_other_windows_do_nothing(
    visit: Opener, site: Site, house: House
) -> None:  # S-116
    box = await visit()
    await box.launch()
    await box.at("consent")
    await box.pane_reported("consent")
    before = (await box.page.evaluate("JSON.stringify(log)"), await box.page_state())
    # They come from the page itself, a frame of another site, a frame of Link's own origin, and a pop-up window.
    await box.page.evaluate(f"seed => ({FUZZ})([window, 250, seed])", 1)
    site.put("/evil", EVIL.format(body=""))
    other = f"http://127.0.0.1:{site.port}/evil"
    async with box.page.expect_popup() as opening:
        await box.page.evaluate("url => { window.popup = open(url); }", other)
    popup = await opening.value
    await popup.evaluate(f"seed => ({FUZZ})([opener, 250, seed])", 2)
    for n, address in enumerate((other, f"{house.settings.public_url}/v0/none")):
        frame = await box.page.evaluate_handle(
            """url => new Promise(done => { const frame = document.createElement('iframe'); frame.id = 'evil';
               frame.onload = () => done(frame); frame.src = url; document.body.append(frame); })""",
            address,
        )
        inside = await frame.as_element().content_frame()  # type: ignore[union-attr]
        assert inside is not None
        await inside.evaluate(f"seed => ({FUZZ})([parent, 250, seed])", 3 + n)
        await settled(box.page)
        await frame.evaluate("frame => frame.remove()")
    await popup.close()
    await settled(box.page)
    assert (await box.page.evaluate("JSON.stringify(log)"), (await box.page_state())[1:]) == (before[0], before[1][1:])
    await box.sign_in()
    [[_, token]] = await box.called("success")
    assert not token.startswith("pt_test_AAAA")


async def test_malformed_messages_from_link_itself_do_nothing(visit: Opener) -> None:  # S-116
    box = await visit()
    await box.launch()
    await box.pane_reported("consent")
    before = await box.page.evaluate("JSON.stringify(log)")
    malformed = """() => { for (const each of [null, 0, 'close', [], { type: 'close' }, { cobalt: '1', type: 'close' },
        { cobalt: 1 }, { cobalt: 1, type: 'success' }, { cobalt: 1, type: 'success', public_token: 7 },
        { cobalt: 1, type: 'success', public_token: 'at_test_1' }, { cobalt: 1, type: 'event', name: 7, seq: 99 },
        { cobalt: 1, type: 'event', name: 'x', seq: '99' }, { cobalt: 1, type: 'event', name: 'x', seq: 1 }])
        parent.postMessage(each, document.documentElement.dataset.parent); }"""
    await box.frame.locator("main").evaluate(malformed)
    await settled(box.page)
    assert await box.page.evaluate("JSON.stringify(log)") == before
    assert await box.dialog.count() == 1


async def test_the_frame_listens_only_to_the_window_around_it(visit: Opener, app: Shop) -> None:  # S-116
    box = await visit()
    await box.launch()
    await box.agree()
    await box.type()
    # This message has the frame's own window and origin, not those of the page around it.
    await box.frame.locator("main").evaluate("postMessage({ cobalt: 1, type: 'leave' }, location.origin)")
    await settled(box.page)
    await expect(box.frame.locator("form[data-pane=credentials]")).to_be_visible()


def test_every_message_names_the_origin_that_may_read_it() -> None:  # S-116
    sources = [*CLIENT.glob("*/src/*.ts")]
    assert len(sources) > 5
    texts = [each.read_text() for each in sources]
    assert sum(text.count("postMessage(") for text in texts) == 2
    assert not [text for text in texts if re.search(r"""postMessage\([^;]*["'`]\*["'`]""", text)]


async def test_an_origin_that_is_not_registered_gets_an_error_within_two_seconds(
    visit: Opener, house: House, app: Shop, site: Site
) -> None:
    stranger = await shop(house, app.http, "Stranger", origins=["https://elsewhere.example"])
    box = await visit(token=await stranger.link_token())
    await box.page.clock.install()
    await box.launch()
    [[_, code, message, _]] = await box.called("exit")  # the clock of the page stands still
    assert code == "origin_not_registered"
    assert message.startswith(f"Link did not open in this page: {site.address} is not registered.")
    command = f"cobalt clients update CLIENT --origin https://elsewhere.example --origin {site.address}"
    assert message.endswith(command)
    await expect(box.dialog).to_contain_text(command)
    assert (await stranger.session(await box.page.evaluate("LINK_TOKEN")))["state"] == "created"
    await expect(box.dialog.get_by_role("link", name="Open it in a new window")).to_be_focused()
    async with box.page.expect_popup() as opening:
        await box.dialog.get_by_role("link").click()
    await expect((await opening.value).locator("form[data-pane=consent]")).to_be_visible(timeout=SECONDS)
    await box.dialog.get_by_role("button", name="Close").click()
    await box.is_gone()
    assert len(await box.log("exit")) == 1


async def test_init_without_a_token_says_so_and_opens_nothing(visit: Opener) -> None:
    box = await visit(token="")
    await box.launch()
    [[_, code, message, _]] = await box.called("exit")
    assert code == "no_token"
    assert "POST /link/token/create" in message
    assert await box.dialog.count() == 0


@pytest.fixture
async def next_door(site: Site) -> AsyncIterator[Site]:
    """The same pages on another port of the same host."""
    async with served() as other:
        other.pages = site.pages
        yield other


async def framed(page: Page, address: str) -> bool:
    """Whether Link shows in the innermost frame of the page at an address."""
    await page.goto(address, wait_until="load")
    inner = page.frames[-1]
    shown = inner.url.split("?")[0].split("#")[0]
    assert page.frames[1:], "the page frames something"
    return shown.startswith("http://127.0.0.1") and "/link/" in shown and await inner.locator("main").count() == 1


async def test_only_a_registered_origin_may_frame_link(
    page: Page, house: House, app: Shop, site: Site, next_door: Site
) -> None:  # S-115
    async def framing(path: str, origin: str = site.address) -> str:
        src = f"{house.settings.public_url}/?token={await app.link_token()}&amp;origin={origin}"
        site.put(path, EVIL.format(body=f'<iframe src="{src}"></iframe>'))
        return path

    assert await framed(page, site.address + await framing("/registered"))
    port = site.port
    strangers = {
        "another host, same port": f"http://127.0.0.1:{port}" + await framing("/1"),
        "begins alike": f"http://localhost.evil.test:{port}" + await framing("/2"),
        "ends alike": f"http://evil-localhost.test:{port}" + await framing("/3"),
        "another port": f"http://localhost:{next_door.port}" + await framing("/4"),
    }
    site.put("/nest", EVIL.format(body=f'<iframe src="{site.address}{await framing("/5")}"></iframe>'))
    strangers["nested in a stranger's page"] = f"http://evil.test:{port}/nest"
    site.put("/null", EVIL.format(body=f'<iframe sandbox="allow-scripts" src="{await framing("/6")}"></iframe>'))
    strangers["inside a page without origin"] = f"{site.address}/null"
    strangers["claims what it has not registered"] = f"{site.address}" + await framing("/7", origin="https://a.example")
    shown = [name for name, address in strangers.items() if await framed(page, address)]
    assert shown == []


async def test_a_page_under_the_documented_policy_opens_link(
    visit: Opener, site: Site, house: House, app: Shop, page: Page
) -> None:
    errors: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon.ico" not in f"{message.text} {message.location}":  # it has no icon
            errors.append(message.text)

    page.on("console", heard)
    link = house.settings.public_url
    plain, script = APP.format(link=link).split("<script>\n")
    code, _ = script.split("</script>")
    site.put("/app.js", code + "document.querySelector('#go').onclick = launch_cobalt;")
    html = plain.replace(' onclick="launch_cobalt()"', "").replace(' style="height: 3000px"', "")
    html = html.replace('<link rel="icon" href="data:,">', "") + '<script src="/app.js"></script>'
    documented = next(each.text for each in samples(DOCS / "how-to" / "lightbox.md") if each.kind == "http")
    policy = documented.partition(": ")[2].strip().replace("https://link.example.com", link)
    policy = policy.replace("script-src", "script-src 'self'")  # the app's own script
    for more in ("", "; require-trusted-types-for 'script'"):
        site.put("/strict", html, Content_Security_Policy=policy + more)
        box = await visit(f"/strict?{len(more)}", token=await app.link_token(user_id=f"user {len(more)}"))
        await box.launch()
        await box.sign_in()
        assert len(await box.called("success")) == 1, more
        await box.press()
        await box.is_gone()
        assert errors == [], more


async def test_a_page_whose_policy_forbids_the_frame_gets_an_error(visit: Opener, site: Site, house: House) -> None:
    site.put("/", site.pages["/"][0], Content_Security_Policy="frame-src 'self'")
    box = await visit()
    await box.launch()
    [[_, _, message, _]] = await box.called("exit")
    assert f"frame-src {house.settings.public_url}" in message


async def test_the_browser_checks_the_sdk_by_its_hash(visit: Opener, site: Site, house: House) -> None:
    link = house.settings.public_url
    for body, seen in ((assets.source("init.js"), "object"), (b"another file", "undefined")):
        digest = b64encode(sha384(body).digest()).decode()
        tag = f'src="{link}/v{assets.VERSION}/init.js" integrity="sha384-{digest}" crossorigin="anonymous"'
        site.put("/checked", APP.format(link=link).replace(f'src="{link}/init.js"', tag))
        box = await visit(f"/checked?{seen}")
        assert await box.page.evaluate("typeof CobaltLink") == seen
