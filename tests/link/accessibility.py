"""Judges every kind of hosted page by axe-core and writes what was tried to `docs/accessibility.md`.

`python -m tests.link.accessibility` runs all of it; the landing check repeats a part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.link.chromium import ORIGIN, chromium, window
from tests.link.gallery import KINDS, gallery

REPORT = Path(__file__).parents[2] / "docs" / "accessibility.md"
AXE = {"rules": {"target-size": {"enabled": True}}}
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
LARGE_TEXT = "document.documentElement.style.fontSize = '200%'"

NOT_TRIED = (
    "screen readers (what they are given is tested as ARIA snapshots, not what they say)",
    "Safari, and the system fonts of macOS, Windows, iOS and Android",
    "voice control, switch access, and browser zoom beyond the widths below",
    "people with disabilities using it",
)


class Layout(msgspec.Struct, frozen=True):
    """One way to look at a page. `more` are options of the browser's context."""

    name: str
    size: tuple[int, int] = (420, 680)
    theme: str = "light"
    locale: str = "en"
    rtl: bool = False
    large_text: bool = False
    more: dict[str, Any] = {}


LAYOUTS = (
    Layout("light"),
    Layout("dark", theme="dark"),
    Layout("320 px wide, light", (320, 568)),
    Layout("320 px wide, dark", (320, 568), "dark"),
    Layout("200 % zoom (210 px wide)", (210, 340)),
    Layout("200 % text", (420, 680), large_text=True),
    Layout("Spanish, 320 px wide", (320, 568), locale="es"),
    Layout("right to left, dark", theme="dark", rtl=True),
    Layout("forced colors", more={"forced_colors": "active"}),
    Layout("more contrast, light", more={"contrast": "more"}),
    Layout("more contrast, dark", theme="dark", more={"contrast": "more"}),
)


class Judged(msgspec.Struct, frozen=True):
    """What axe-core said in one layout: passed checks, violations as `page: rule`, and pages wider than their frame."""

    layout: Layout
    pages: int
    passes: int
    violations: list[str]
    overflows: list[str]


async def judge(browser: Browser, layout: Layout, names: tuple[str, ...] = KINDS) -> Judged:
    """One page of every kind, or the named ones, in one layout."""
    shown = {name: page for name, page in _pages(layout).items() if name in names}
    passes, violations, overflows = 0, [], []
    async with window(browser, shown, layout.size, layout.theme, scripts=True, **layout.more) as page:
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            if layout.large_text:
                await page.evaluate(LARGE_TEXT)
            found = (await Axe().run(page, options=AXE)).response
            passes += len(found["passes"])
            violations += [f"{name}: {each['id']}" for each in found["violations"]]
            if not await page.evaluate(FITS):
                overflows.append(name)
    return Judged(layout, len(shown), passes, violations, overflows)


def _pages(layout: Layout) -> Mapping[str, str]:
    shown = gallery(layout.locale)
    if layout.rtl:
        shown = {name: page.replace('dir="ltr">\n<head>', 'dir="rtl">\n<head>') for name, page in shown.items()}
    return {name: page.replace('http-equiv="refresh"', "") for name, page in shown.items()}


def report(judged: list[Judged], browser: str, day: str) -> str:
    """The conformance report as Markdown."""
    rows = "\n".join(
        f"| {each.layout.name} | {each.layout.size[0]} × {each.layout.size[1]} | {each.pages} | {each.passes} "
        f"| {len(each.violations)} | {len(each.overflows)} |"
        for each in judged
    )
    found = [line for each in judged for line in (*each.violations, *(f"{name}: overflow" for name in each.overflows))]
    missing = "\n".join(f"- {each}" for each in NOT_TRIED)
    return f"""# Accessibility of the hosted pages

Target: WCAG 2.2 AA. This page is written by `python -m tests.link.accessibility`, which judges one page of
every kind (panes, refusals, ends, from the same code that serves them) with axe-core in {browser}; run on {day}. The
landing check repeats a part of it on every change and fails at the first violation.

| layout | size in CSS px | pages | checks passed | violations | wider than the frame |
|---|---|---:|---:|---:|---:|
{rows}

{"Nothing was found." if not found else "Found:" + "".join(chr(10) + "- " + line for line in found)}

Also tested, in a real Chromium: the whole flow by keyboard alone, with and without scripts; every target at least
44 × 44 CSS px at 320 and 210 px; one heading of the first level, one `main`, one primary action per page; accessible
names and order as ARIA snapshots (`tests/link/aria/`); errors tied to their field and named in the title; a live
region for what scripts change; motion only where it is not reduced.

## Not tried

{missing}
"""


async def main() -> None:
    async with chromium() as browser:
        judged = [await judge(browser, layout) for layout in LAYOUTS]
        REPORT.write_text(report(judged, f"Chromium {browser.version.split('.')[0]}", f"{datetime.now(UTC):%Y-%m-%d}"))


if __name__ == "__main__":
    asyncio.run(main())
