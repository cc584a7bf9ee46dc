"""Draws every page to look at: `python -m tests.link.look FOLDER [locale]` writes pages, pictures and sheets."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path

from playwright.async_api import Browser

from tests.link.chromium import ORIGIN, chromium, window
from tests.link.gallery import gallery

SIZES = ((420, 680), (320, 568), (210, 340))
THEMES = ("light", "dark")
PER_SHEET = 24


async def look(folder: Path, locale: str = "en", names: tuple[str, ...] = ()) -> list[Path]:
    """Writes the pages of one locale as files, pictures and contact sheets; gives the sheets."""
    shown = {name: page for name, page in gallery(locale).items() if not names or name in names}
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in shown.items():
        (folder / f"{name}.html").write_text(page, "utf-8")
    sheets = []
    async with chromium() as browser:
        for size, theme in product(SIZES, THEMES):
            pictures = await _pictures(browser, shown, size, theme)
            for start in range(0, len(pictures), PER_SHEET):
                some = dict(list(pictures.items())[start : start + PER_SHEET])
                sheet = folder / f"sheet-{locale}-{size[0]}-{theme}-{start // PER_SHEET + 1}.png"
                await _sheet(browser, some, size, sheet)
                sheets.append(sheet)
    return sheets


async def _pictures(browser: Browser, shown: Mapping[str, str], size: tuple[int, int], theme: str) -> dict[str, bytes]:
    shown = {name: page.replace('http-equiv="refresh"', "") for name, page in shown.items()}  # stay to be seen
    async with window(browser, shown, size, theme) as page:
        pictures = {}
        for name in shown:
            await page.goto(f"{ORIGIN}/{name}")
            pictures[name] = await page.screenshot(full_page=True)
        return pictures


async def _sheet(browser: Browser, pictures: Mapping[str, bytes], size: tuple[int, int], file: Path) -> None:
    cells = "".join(
        f"<figure><img width={size[0]} src='data:image/png;base64,{base64.b64encode(picture).decode()}'>"
        f"<figcaption>{name}</figcaption></figure>"
        for name, picture in pictures.items()
    )
    style = "body{margin:8px;background:#99a;font:13px sans-serif;display:flex;flex-wrap:wrap;gap:8px}figure{margin:0}"
    page = await browser.new_page(viewport={"width": 8 * (size[0] + 8) + 16, "height": 600})
    await page.set_content(f"<style>{style}</style>{cells}")
    await page.screenshot(path=file, full_page=True)
    await page.close()


if __name__ == "__main__":
    for each in asyncio.run(look(Path(sys.argv[1]), *sys.argv[2:3])):
        print(each)
