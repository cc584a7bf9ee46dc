"""The hosted pages in a real Chromium without scripts: reachable, readable, within their frame, and quiet.

Chromium runs no script of a page here; what runs is the judge (axe-core) and what an attack would have brought in.
"""

from __future__ import annotations

import re

import pytest
from httpx2 import AsyncClient
from playwright.async_api import Browser

from cobalt_link.link.pages import render
from tests.link.pages import gallery
from tests.link.pages.gallery import KINDS
from tests.link.pages.hostile import ATTACKS, Hostile
from tests.support.axe import bring_axe, violations
from tests.support.chromium import ORIGIN, window
from tests.support.pairwise import matrix
from tests.support.world import Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES, THEMES = [(420, 680), (320, 568)], ["light", "dark"]
ROWS = matrix(KINDS, SIZES, THEMES)
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenverein"
SHOWN = "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light']"
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
RULES = {"target-size": {"enabled": True}}
SMALL_TARGETS = """() => [...document.querySelectorAll('a, button, input, select, summary')]
    .filter(each => each.checkVisibility() && each.type !== 'hidden')
    .map(each => [each.outerHTML.slice(0, 80), (each.closest('.in, .code') || each).getBoundingClientRect()])
    .filter(([_, box]) => box.width < 44 || box.height < 44).map(([html, box]) => [html, box.width, box.height])"""


def kinds(locale: str = "en") -> dict[str, str]:
    """One page of every make, without the refresh that would lead away from it."""
    shown = gallery.gallery(locale)
    return {name: shown[name].replace('http-equiv="refresh"', "") for name in KINDS}


async def test_axe_finds_nothing_on_any_pane(browser: Browser) -> None:  # S-124
    """Before a landing every kind in each theme and at each width, at night in each theme at each width."""
    foreign, said = [], []
    shown = kinds()
    async with window(browser, shown, SIZES[0], scripts=True, foreign=foreign) as page:
        await bring_axe(page)
        page.on("console", lambda message: said.append(message.text))
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            assert await page.evaluate("getComputedStyle(document.querySelector('.sheet')).display") == "flex", name
            for (width, height), theme in [row[1:] for row in ROWS if row[0] == name]:
                await page.set_viewport_size({"width": width, "height": height})
                await page.emulate_media(color_scheme=theme)
                assert await page.evaluate(SHOWN) == [width, theme], name
                assert await violations(page, rules=RULES) == [], (name, width, theme)
                assert await page.evaluate(FITS), (name, width, theme)
    # S-114, S-123: nothing foreign was asked for, and Chromium complained of no rule that was broken.
    assert (foreign, said) == ([], [])


@pytest.mark.parametrize("locale", ["es", "rtl"])
async def test_axe_finds_nothing_in_spanish_or_right_to_left(browser: Browser, locale: str) -> None:  # S-124
    shown = kinds("es" if locale == "es" else "en")
    if locale == "rtl":
        shown = {name: page.replace('dir="ltr">\n<head>', 'dir="rtl">\n<head>') for name, page in shown.items()}
    async with window(browser, shown, (320, 568), "dark", scripts=True) as page:
        await bring_axe(page)
        for name in KINDS[:10]:
            await page.goto(f"{ORIGIN}/{name}")
            assert await violations(page, rules=RULES) == [], name


async def test_long_names_do_not_break_a_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "render", Hostile(render, LONG, texts=False))
    shown = kinds()
    async with window(browser, shown, (320, 568), scripts=True) as page:
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            assert await page.evaluate(FITS), name


async def test_no_attack_runs_even_without_a_policy(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:  # S-121
    monkeypatch.setattr(gallery, "render", Hostile(render, "".join(ATTACKS)))
    shown, ran, foreign = kinds(), [], []
    async with window(browser, shown, (420, 680), scripts=True, csp=False, foreign=foreign) as page:
        await page.expose_function("pwned", lambda: ran.append(page.url))
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            await page.evaluate("document.querySelectorAll('input, button, a').forEach(each => each.focus())")
    assert (ran, foreign) == ([], [])


async def test_the_keyboard_alone_signs_in(browser: Browser) -> None:  # S-124
    async with window(browser, kinds(), (420, 680)) as page:
        await page.goto(f"{ORIGIN}/credentials")
        await page.locator("input[name=username]:focus").wait_for()
        await page.keyboard.type("m.carter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("s3cret")
        async with page.expect_request(re.compile("/link/6f1c$")) as sent:
            await page.keyboard.press("Enter")
        assert (await sent.value).post_data == "csrf=csrf-token&pane=3&username=m.carter&password=s3cret"


async def test_change_posts_its_own_form_and_nothing_that_was_typed(browser: Browser) -> None:
    async with window(browser, kinds(), (420, 680)) as page:
        await page.goto(f"{ORIGIN}/credentials")
        await page.fill("input[name=password]", "s3cret")
        async with page.expect_request(re.compile("/link/6f1c$")) as sent:
            await page.get_by_role("button", name="Change practice").click()
        assert (await sent.value).post_data == "csrf=csrf-token&pane=3&action=change"


async def test_the_streamed_page_goes_on_by_itself(browser: Browser) -> None:
    shown = {"working": gallery.gallery()["working"], "link/6f1c": gallery.gallery()["code"]}
    async with window(browser, shown, (420, 680)) as page:
        await page.goto(f"{ORIGIN}/working")
        await page.wait_for_url("**/link/6f1c")
        assert await page.get_by_role("heading", level=1).inner_text() == "Enter your code"


async def test_every_complaint_is_ours_and_in_the_persons_language(
    client: AsyncClient, acme: Shop, browser: Browser
) -> None:
    """The page script and the browser's own forms, both in Spanish in an English browser."""
    for scripts in (True, False):
        token = await acme.link_token(emr_name=None, org_id=f"spanish-{scripts}", locale="es")
        context = await browser.new_context(locale="en-US", java_script_enabled=scripts)
        page = await context.new_page()
        await page.goto(f"{client.base_url}?token={token}")
        await page.get_by_role("link", name="Mi consultorio no está en la lista").click()
        await page.get_by_role("button", name="Continuar").click()
        await page.get_by_text("Escriba la dirección web donde inicia sesión.").wait_for()
        await page.get_by_text("Elija un EHR.").wait_for()
        await page.get_by_label("EHR", exact=True).select_option("sandbox")
        await page.get_by_label("Dirección web").fill("no such host")
        await page.get_by_role("button", name="Continuar").click()
        await page.get_by_text("Revise esta dirección.").wait_for()
        await page.get_by_label("Dirección web").fill("nobody.invalid")  # a bare host, as browsers show it
        await page.get_by_role("button", name="Continuar").click()
        await page.get_by_text("Nada responde en esta dirección.").wait_for()
        await context.close()
