"""What a person must always see, in a real Chromium: the actions at every height, and a clock on every wait."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.link.pages.gallery import KINDS, gallery
from tests.link.pages.test_in_chromium import FITS, RULES, SMALL_TARGETS
from tests.support.axe import bring_axe, violations
from tests.support.chromium import ORIGIN, window

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = ((1366, 657), (320, 256))
NARROW = ((320, 568), (210, 340))
OUT_OF_SIGHT = """() => [...document.querySelectorAll('.acts:not(.near) .btn')].filter(each => {
  const { top, bottom } = each.getBoundingClientRect();
  return top < 0 || bottom > innerHeight + 1;
}).map(each => each.textContent)"""
# WCAG 2.4.11: what has the focus is not covered by the actions.
COVERED = """() => {
  const acts = document.querySelector('.acts:not(.near)');
  const others = [...document.querySelectorAll('main :is(a, button, input, select, summary)')].filter(
    each => acts && !acts.contains(each) && each.checkVisibility() && each.type !== 'hidden');
  return others.filter(each => {
    each.focus();
    const [over, own] = [acts, each].map(one => one.getBoundingClientRect());
    return document.activeElement !== each || (own.bottom > over.top + 1 && own.top < over.bottom);
  }).map(each => each.textContent);
}"""


@pytest.mark.parametrize("locale", ["en", "es"])
async def test_the_actions_are_in_sight_and_every_target_can_be_hit_within_the_frame(
    browser: Browser, locale: str
) -> None:
    """And the actions cover nothing that has the focus."""
    pages, pinned = gallery(locale), 0
    shown = {name: pages[name].replace('http-equiv="refresh"', "") for name in KINDS}
    async with window(browser, shown, SIZES[0], scripts=True) as page:
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            pinned += await page.locator(".acts:not(.near)").count()
            for width, height in SIZES:
                await page.set_viewport_size({"width": width, "height": height})
                await page.evaluate("scrollTo(0, 0)")
                assert await page.evaluate(OUT_OF_SIGHT) == [], (name, width)
                assert await page.evaluate(COVERED) == [], (name, width)
                await page.evaluate("scrollTo(0, document.body.scrollHeight)")
                assert await page.evaluate(OUT_OF_SIGHT) == [], (name, width)
            for width, height in NARROW:
                await page.set_viewport_size({"width": width, "height": height})
                assert await page.evaluate(FITS), (name, width)
                assert await page.evaluate(SMALL_TARGETS) == [], (name, width)
    assert pinned > 15


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_on_the_ribbon_and_the_page_at_the_root(browser: Browser, theme: str) -> None:  # S-124
    names = ("home", "credentials-test", "done-test", "left-declined", "message-none_of_these")
    shown = {name: gallery("es")[name] for name in names}
    async with window(browser, shown, (320, 568), theme, scripts=True) as page:
        await bring_axe(page)
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            for summary in await page.locator(".test summary").all():
                await summary.click()
            assert await violations(page, rules=RULES) == [], name
            assert await page.evaluate(FITS) and await page.evaluate(SMALL_TARGETS) == [], name


async def stopped_clock(page: Page) -> None:
    """The page's time goes on only where the test moves it, however slow the machine is."""
    await page.clock.install(time=0)
    await page.clock.pause_at(1)


async def test_a_new_code_is_counted_down_on_its_button(browser: Browser) -> None:
    async with window(browser, gallery(), (420, 680), scripts=True) as page:
        await stopped_clock(page)
        await page.goto(f"{ORIGIN}/code")
        button = page.locator("button[name=resend]")
        await expect(button).to_have_text("Send a new code in 28 s")
        await expect(button).to_be_disabled()
        await page.clock.fast_forward(27_000)
        await expect(button).to_have_text("Send a new code in 1 s")
        await page.clock.fast_forward(2_000)
        await expect(button).to_have_text("Send a new code")
        await expect(button).to_be_enabled()


async def test_try_again_is_counted_down_and_the_page_then_says_that_the_wait_is_over(browser: Browser) -> None:
    all_pages = gallery()
    shown = {"link/6f1c": all_pages["message-ehr_busy"]}
    async with window(browser, shown, (420, 680), scripts=True) as page:
        await stopped_clock(page)
        await page.goto(f"{ORIGIN}/link/6f1c")
        again = page.locator("button[value=again]")
        await expect(again).to_have_text("Try again in 2:00")
        await expect(page.locator("main time")).to_have_text("2:00")
        await page.clock.fast_forward(65_000)
        await expect(again).to_have_text("Try again in 55 s")
        await expect(again).to_be_disabled()
        shown["link/6f1c"] = all_pages["message-ehr_busy-over"]
        await page.clock.fast_forward(56_000)
        await expect(page.get_by_text("You can try again now.")).to_be_visible()
        await expect(again).to_be_enabled()


async def test_a_clock_in_a_notice_is_not_read_aloud_each_second_and_goes_with_the_wait(browser: Browser) -> None:
    page_of = gallery()["problem-ehr_busy-code"]
    async with window(browser, {"busy": page_of}, (420, 680), scripts=True) as page:
        await stopped_clock(page)
        await page.goto(f"{ORIGIN}/busy")
        notice = page.locator(".note")
        await page.clock.fast_forward(60_000)
        await expect(notice.locator("time")).to_have_text("1:00")
        assert await notice.locator("time").get_attribute("aria-hidden") == "true"
        await expect(notice.locator(".vh")).to_have_text("2 minutes")
        await page.locator("[name=code]").fill("1234")
        await page.clock.fast_forward(61_000)
        await expect(notice).to_have_count(0)
        await expect(page.locator("[name=code]")).to_have_value("1234")
