"""axe-core, the accessibility checker, in a page of Playwright."""

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

# Only what is asked for comes back: the whole answer takes a second on its way.
VIOLATIONS = """async (how) => (await axe.run(document, how)).violations
    .map(each => `${each.id}: ${each.nodes.map(node => node.html).join(' ')}`)"""


async def violations(page: Page, **options: Any) -> list[str]:
    """What breaks a rule, with its elements; `options` as for `axe.run`."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(Axe().axe_script)
    return await page.evaluate(VIOLATIONS, options)
