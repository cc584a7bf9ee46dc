"""axe-core in Firefox, on a page of each kind: light and dark, in the width of the lightbox and of a small phone."""

from __future__ import annotations

import pytest

from tests.browsers.engines.firefox import firefox
from tests.link.pages.accessibility import LAYOUTS, judge
from tests.link.pages.gallery import KINDS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("firefox")]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_pane(theme: str) -> None:  # S-124
    layouts = [layout for layout in LAYOUTS[:4] if layout.theme == theme]
    async with firefox(theme=theme) as browser:
        judged = await judge(browser, *layouts)
    found = [(each.layout.size[0], each.pages, each.violations, each.overflows) for each in judged]
    assert found == [(420, len(KINDS), [], []), (320, len(KINDS), [], [])]
