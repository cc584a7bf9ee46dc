"""How the pages look, to be looked at: pictures and sheets in artefacts/link, or where COBALT_ARTEFACTS says."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.link.gallery import KINDS
from tests.link.look import SIZES, THEMES, look

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("chromium")]

FOLDER = Path(os.environ.get("COBALT_ARTEFACTS", ROOT / "artefacts")) / "link"


async def test_every_make_of_page_is_drawn_in_both_themes_and_at_three_widths() -> None:
    for old in FOLDER.glob("*.png"):
        old.unlink()
    pictures = {(each.name, each.size, each.theme): each for each in await look(FOLDER, names=KINDS)}
    assert set(pictures) == set(product(KINDS, SIZES, THEMES))
    for (name, size, theme), each in pictures.items():
        assert (FOLDER / f"{name}-{size[0]}-{theme}.png").stat().st_size > 0
        assert each.needed <= size[0] and each.width == size[0], (name, size, theme, each.needed)
        assert each.colors > 20, (name, size, theme)  # letters alone have more
        light = pictures[name, size, "light"].light
        assert light > 200 > 100 > pictures[name, size, "dark"].light, (name, size)
    assert len([*FOLDER.glob("sheet-en-*.png")]) == len(SIZES) * len(THEMES) * 2
