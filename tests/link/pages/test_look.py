"""How the pages look, to be looked at: pictures and sheets in artefacts/link, or where COBALT_ARTEFACTS says."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.house.tree import ROOT
from tests.link.pages.gallery import KINDS
from tests.link.pages.look import SIZES, THEMES, look
from tests.support import proof

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NIGHTLY = proof.SIZE == "nightly"
FOLDER = Path(os.environ.get("COBALT_ARTEFACTS", ROOT / "artefacts")) / "link"


async def test_pages_are_drawn_in_both_themes_and_at_three_widths(browser: Browser) -> None:
    """Before a landing each third kind once, in theme and width by turns; at night all, in each theme at each width.

    axe-core judges the colors of every kind before a landing too.
    """
    for old in FOLDER.glob("*.png"):
        old.unlink()
    looks = [*product(SIZES, THEMES)]
    drawn = KINDS if NIGHTLY else KINDS[::3]
    rows = [(kind, *way) for at, kind in enumerate(drawn) for way in (looks if NIGHTLY else [looks[at % len(looks)]])]
    pictures = {(each.name, each.size, each.theme): each for each in await look(browser, FOLDER, rows=rows)}
    assert set(pictures) == set(rows)
    for (name, size, theme), each in pictures.items():
        assert (FOLDER / f"{name}-{size[0]}-{theme}.png").stat().st_size > 0
        assert each.needed <= size[0] and each.width == size[0], (name, size, theme, each.needed)
        assert each.colors > 20, (name, size, theme)  # letters alone have more
        assert each.light > 200 if theme == "light" else each.light < 100, (name, size, theme)
    assert len([*FOLDER.glob("sheet-en-*.png")]) >= len(SIZES) * len(THEMES)
