"""The part of the accessibility run that every landing repeats, ARIA snapshots, and a report that is not stale."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.link.pages.accessibility import IN_FIREFOX, LAYOUTS, REPORT, judge
from tests.link.pages.gallery import KINDS, gallery
from tests.support.chromium import ORIGIN, window

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SNAPSHOTS = Path(__file__).parent / "aria"
SOME = (
    "picker",
    "consent",
    "credentials-wrong",
    "code",
    "choice-way",
    "push",
    "message-locked",
    "already",
    "done",
    "leaving",
)
FURTHER = [layout for layout in LAYOUTS if layout.more or layout.large_text]


@pytest.mark.parametrize("layout", FURTHER, ids=lambda layout: layout.name)
async def test_axe_finds_nothing_in_forced_colors_more_contrast_and_large_text(  # S-124
    browser: Browser, layout: object
) -> None:
    [judged] = await judge(browser, layout, names=SOME)  # type: ignore[arg-type]
    assert (judged.pages, judged.violations, judged.overflows) == (len(SOME), [], [])


async def test_assistive_technology_is_given_the_same_names_in_the_same_order(browser: Browser) -> None:
    """Renew with COBALT_TEST_SNAPSHOTS=new after looking at what changed."""
    shown, seen = gallery(), {}
    shown = {name: shown[name].replace('http-equiv="refresh"', "") for name in SOME}
    async with window(browser, shown, (420, 680)) as page:
        for name in SOME:
            await page.goto(f"{ORIGIN}/{name}")
            seen[name] = await page.locator("body").aria_snapshot() + "\n"
    if os.environ.get("COBALT_TEST_SNAPSHOTS") == "new":
        SNAPSHOTS.mkdir(exist_ok=True)
        for name, said in seen.items():
            (SNAPSHOTS / f"{name}.yaml").write_text(said, "utf-8")
    assert seen == {name: (SNAPSHOTS / f"{name}.yaml").read_text("utf-8") for name in SOME}


def test_the_report_covers_every_layout_and_every_page() -> None:
    text = REPORT.read_text("utf-8")
    for engine, layouts in (("Chromium", LAYOUTS), ("Firefox", IN_FIREFOX)):
        for layout in layouts:
            size = f"{layout.size[0]} × {layout.size[1]}"
            assert re.search(rf"^\| {engine} \d+ \| {re.escape(layout.name)} \| {size} \| {len(KINDS)} \|", text, re.M)
    assert "Nothing was found." in text
