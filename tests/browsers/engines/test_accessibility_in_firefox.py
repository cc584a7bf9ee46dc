"""axe-core in Firefox, on a page of each kind: light and dark, in the width of the lightbox and of a small phone.

Before a landing it takes one of the two widths with each theme. Chromium is asked about all four.
"""

from __future__ import annotations

import pytest

from tests.browsers.engines.firefox import firefox
from tests.link.pages.accessibility import LAYOUTS, judge
from tests.link.pages.gallery import KINDS
from tests.support import proof

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_pane(theme: str) -> None:  # S-124
    layouts = [layout for layout in LAYOUTS[:4] if layout.theme == theme]
    if proof.SIZE == "landing":
        layouts = layouts[:1] if theme == "light" else layouts[1:]
    async with firefox(theme=theme) as browser:
        judged = await judge(browser, *layouts)
    found = [(each.layout.size[0], each.pages, each.violations, each.overflows) for each in judged]
    assert found == [(layout.size[0], len(KINDS), [], []) for layout in layouts]
