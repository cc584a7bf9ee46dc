"""axe-core in Firefox, on a page of each kind: light and dark, in the width of the lightbox and of a small phone.

Before a landing each kind is judged in one theme and at one width. Chromium is asked about all four.
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
    layouts, kinds = [layout for layout in LAYOUTS[:4] if layout.theme == theme], KINDS
    if proof.SIZE == "landing":
        layouts, kinds = (layouts[:1], KINDS[::2]) if theme == "light" else (layouts[1:], KINDS[1::2])
    async with firefox(theme=theme) as browser:
        judged = await judge(browser, *layouts, names=kinds)
    found = [(each.layout.size[0], each.pages, each.violations, each.overflows) for each in judged]
    assert found == [(layout.size[0], len(kinds), [], []) for layout in layouts]
