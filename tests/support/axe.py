"""axe-core, the accessibility checker, in a page of Playwright."""

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

# Only what is asked for comes back: the whole answer takes a second on its way.
VIOLATIONS = """async (how) => {
  // Actions that stick to the bottom cover a part of a row at some place of scrolling, and axe would call the rest
  // of it too small. Each element is judged without that; test_in_sight.py shows that nothing focused is covered.
  for (const each of document.querySelectorAll('.acts')) each.style.position = 'static'
  return (await axe.run(document, how)).violations
    .map(each => `${each.id}: ${each.nodes.map(node => node.html).join(' ')}`)
}"""


async def violations(page: Page, **options: Any) -> list[str]:
    """What breaks a rule, with its elements; `options` as for `axe.run`."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(Axe().axe_script)
    return await page.evaluate(VIOLATIONS, options)
