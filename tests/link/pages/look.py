"""Draws every page to look at: `python -m tests.link.pages.look FOLDER [locale]` writes pages, pictures and sheets."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Browser

from tests.link.pages.gallery import gallery
from tests.support.chromium import ORIGIN, chromium, window

SIZES = ((420, 680), (320, 568), (210, 340))
THEMES = ("light", "dark")
PER_SHEET = 24
# A few points of each picture: how many colors there are, and how bright they are on average, 0 to 255.
JUDGE = """() => [...document.images].map(image => {
  const { naturalWidth: width, naturalHeight: height } = image;
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height), colors = new Set();
  let light = 0, count = 0;
  for (let at = 0; at < data.length; at += 4 * 7, count++) {
    colors.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
    light += (data[at] + data[at + 1] + data[at + 2]) / 3;
  }
  return { width, colors: colors.size, light: light / count };
})"""


class Picture(msgspec.Struct):
    """How a page looks in a window of this size. `needed`: how wide it would be, `colors` and `light`: see JUDGE."""

    name: str
    size: tuple[int, int]
    theme: str
    png: bytes
    needed: int
    width: int = 0
    colors: int = 0
    light: float = 0.0


Row = tuple[str, tuple[int, int], str]  # the name of a page, the size of the window, the theme


async def look(browser: Browser, folder: Path, locale: str = "en", rows: Sequence[Row] = ()) -> list[Picture]:
    """Writes the pages of one locale as files, pictures and contact sheets (`sheet-….png`); all, or the given rows."""
    shown = gallery(locale)
    wanted = set(rows or product(shown, SIZES, THEMES))
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in shown.items():
        (folder / f"{name}.html").write_text(page, "utf-8")
    found: list[Picture] = []

    async def in_theme(size: tuple[int, int], theme: str) -> list[Picture]:
        chosen = {name: page for name, page in shown.items() if (name, size, theme) in wanted}
        return await _pictures(browser, chosen, size, theme)

    for size in SIZES:
        for pictures in await asyncio.gather(*(in_theme(size, theme) for theme in THEMES)):
            await _written(browser, pictures, folder, locale)
            found += pictures
    return found


async def _written(browser: Browser, pictures: Sequence[Picture], folder: Path, locale: str) -> None:
    for start in range(0, len(pictures), PER_SHEET):
        some = pictures[start : start + PER_SHEET]
        sheet = f"sheet-{locale}-{some[0].size[0]}-{some[0].theme}-{start // PER_SHEET + 1}.png"
        await _sheet(browser, some, folder / sheet)
    for each in pictures:
        (folder / f"{each.name}-{each.size[0]}-{each.theme}.png").write_bytes(each.png)


async def _pictures(browser: Browser, shown: Mapping[str, str], size: tuple[int, int], theme: str) -> list[Picture]:
    shown = {name: page.replace('http-equiv="refresh"', "") for name, page in shown.items()}  # stay to be seen
    async with window(browser, shown, size, theme) as page:
        pictures = []
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            needed = await page.evaluate("document.documentElement.scrollWidth")
            pictures.append(Picture(name, size, theme, await page.screenshot(full_page=True), needed))
        return pictures


async def _sheet(browser: Browser, pictures: Sequence[Picture], file: Path) -> None:
    """Puts pictures side by side, and writes down what is in them."""
    width = pictures[0].size[0]
    cells = "".join(
        f"<figure><img width={width} src='data:image/png;base64,{base64.b64encode(each.png).decode()}'>"
        f"<figcaption>{each.name}</figcaption></figure>"
        for each in pictures
    )
    style = "body{margin:8px;background:#99a;font:13px sans-serif;display:flex;flex-wrap:wrap;gap:8px}figure{margin:0}"
    page = await browser.new_page(viewport={"width": 8 * (width + 8) + 16, "height": 600})
    await page.set_content(f"<style>{style}</style>{cells}")
    await page.screenshot(path=file, full_page=True)
    judged: list[dict[str, Any]] = await page.evaluate(JUDGE)
    for each, seen in zip(pictures, judged, strict=True):
        each.width, each.colors, each.light = seen["width"], seen["colors"], seen["light"]
    await page.close()


async def main(folder: Path, locale: str = "en") -> None:
    async with chromium() as browser:
        await look(browser, folder, locale)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:3]))
    for each in sorted(Path(sys.argv[1]).glob("sheet-*.png")):
        print(each)
