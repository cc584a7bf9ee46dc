"""Checks every kind of hosted page with axe-core and writes what was tried to `docs/accessibility.md`.

`python -m tests.link.pages.accessibility` runs all of it; the landing check repeats a part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Browser

from tests.browsers.engines.firefox import firefox
from tests.link.pages.gallery import KINDS, gallery
from tests.support.axe import UNSTICK, bring_axe
from tests.support.chromium import ORIGIN, chromium, window

REPORT = Path(__file__).parents[3] / "docs" / "accessibility.md"
AXE = {"rules": {"target-size": {"enabled": True}}}
# Only what is asked for comes back: the whole answer takes a second on its way.
JUDGE = """async (how) => {
  const found = await axe.run(document, how);
  const fits = document.documentElement.scrollWidth <= document.documentElement.clientWidth;
  return [found.passes.length, found.violations.map(each => each.id), fits];
}"""
THEME = "matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'"
LARGE_TEXT = "document.documentElement.style.fontSize = '200%'"

NOT_TRIED = (
    "screen readers (tests check what they receive, as ARIA snapshots, but not what they say)",
    "axe-core in WebKit (WebKitGTK runs only the main path, in a new window and in a lightbox)",
    "forced colors and more contrast in Firefox",
    "Safari, and the system fonts of macOS, Windows, iOS, and Android",
    "voice control, switch access, and browser zoom beyond the widths above",
    "use by people with disabilities",
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


# What is set by more than a page and its size is beyond the driver there.
IN_FIREFOX = tuple(layout for layout in LAYOUTS if not layout.more)


class Judged(msgspec.Struct, frozen=True):
    """What axe-core said in one layout: passed checks, violations as `page: rule`, and pages wider than their frame."""

    layout: Layout
    pages: int
    passes: list[int] = []
    violations: list[str] = []
    overflows: list[str] = []


async def judge(browser: Browser, *layouts: Layout, names: tuple[str, ...] = KINDS) -> list[Judged]:
    """One page of every kind, or the named ones, in layouts that differ by their size alone: each page loads once."""
    first = layouts[0]
    shown = {name: page for name, page in _pages(first).items() if name in names}
    judged = [Judged(layout, len(shown), [], [], []) for layout in layouts]
    async with window(browser, shown, first.size, first.theme, scripts=True, **first.more) as page:
        await bring_axe(page)
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            assert await page.evaluate(THEME) == first.theme
            if first.large_text:
                await page.evaluate(LARGE_TEXT)
            for each in judged:
                if len(layouts) > 1:
                    await page.set_viewport_size({"width": each.layout.size[0], "height": each.layout.size[1]})
                await page.evaluate(UNSTICK)
                passes, violations, fits = await page.evaluate(JUDGE, AXE)
                each.passes.append(passes)
                each.violations.extend(f"{name}: {rule}" for rule in violations)
                each.overflows.extend([] if fits else [name])
    return judged


def _pages(layout: Layout) -> Mapping[str, str]:
    shown = gallery(layout.locale)
    if layout.rtl:
        shown = {name: page.replace('dir="ltr">\n<head>', 'dir="rtl">\n<head>') for name, page in shown.items()}
    return {name: page.replace('http-equiv="refresh"', "") for name, page in shown.items()}


def row(engine: str, each: Judged) -> str:
    size = f"{each.layout.size[0]} × {each.layout.size[1]}"
    counts = [each.pages, sum(each.passes), len(each.violations), len(each.overflows)]
    return f"| {engine} | {each.layout.name} | {size} | {' | '.join(map(str, counts))} |"


def report(judged: Mapping[str, list[Judged]], day: str) -> str:
    """The conformance report as Markdown; `judged` by engine."""
    rows = "\n".join(row(engine, each) for engine, layouts in judged.items() for each in layouts)
    every = [(engine, each) for engine, layouts in judged.items() for each in layouts]
    lines = [(engine, (*each.violations, *(f"{name}: overflow" for name in each.overflows))) for engine, each in every]
    found = [f"{engine}: {line}" for engine, said in lines for line in said]
    missing = "\n".join(f"- {each}" for each in NOT_TRIED)
    return f"""# Accessibility of the hosted pages

Target: WCAG 2.2 AA. `python -m tests.link.pages.accessibility` generates this page. It checks one page of every kind
(panes, refusals, last pages, from the same code that serves them) with axe-core in {" and ".join(judged)}. The last
run was on {day}. The landing check repeats a part of it on every change and fails at the first violation.

| engine | layout | size in CSS px | pages | checks passed | violations | wider than the frame |
|---|---|---|---:|---:|---:|---:|
{rows}

{"Nothing was found." if not found else "Found:" + "".join(chr(10) + "- " + line for line in found)}

Tests in a real Chromium also check the following:

- The whole flow works by keyboard alone, with and without scripts.
- Every target is at least 44 × 44 CSS px at 320 and 210 px.
- Each page has one heading of the first level, one `main`, and one primary action.
- Accessible names and their order match ARIA snapshots (`tests/link/pages/aria/`).
- Errors are tied to their field and named in the title.
- A live region announces what scripts change.
- Nothing moves where reduced motion is set.

Tests in a real Firefox check the whole flow by keyboard alone, in the lightbox over another site's page. The keys come
from the screen, like those of a keyboard. Escape asks before it discards what was typed, and the focus returns to the
page.

## Not tried

{missing}
"""


async def main() -> None:
    judged: dict[str, list[Judged]] = {}
    async with chromium() as browser:
        judged[called("Chromium", browser)] = [(await judge(browser, layout))[0] for layout in LAYOUTS]
    for theme in ("light", "dark"):  # Firefox has one theme from its start on
        async with firefox(theme=theme) as browser:
            done = judged.setdefault(called("Firefox", browser), [])
            done += [(await judge(browser, layout))[0] for layout in IN_FIREFOX if layout.theme == theme]
    REPORT.write_text(report(judged, f"{datetime.now(UTC):%Y-%m-%d}"))


def called(engine: str, browser: Browser) -> str:
    return f"{engine} {browser.version.split('.')[0]}"


if __name__ == "__main__":
    asyncio.run(main())
