"""axe-core, the accessibility checker, in a page of Playwright."""

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

# Actions that stick to the bottom cover a part of a row at some place of scrolling, and axe would call the rest of it
# too small. So each element is judged where nothing sticks; test_in_sight.py shows that nothing focused is covered.
UNSTICK = "document.querySelectorAll('.acts').forEach(each => each.style.position = 'static')"
# Only what is asked for comes back: the whole answer takes a second on its way.
VIOLATIONS = """async (how) => (await axe.run(document, how)).violations
    .map(each => `${each.id}: ${each.nodes.map(node => node.html).join(' ')}`)"""


async def bring_axe(page: Page) -> None:
    """Every page that is opened from now on has axe-core. To hand it over to each of them takes twice as long."""
    await page.add_init_script(Axe().axe_script)


async def violations(page: Page, **options: Any) -> list[str]:
    """What breaks a rule, with its elements; `options` as for `axe.run`."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(Axe().axe_script)
    await page.evaluate(UNSTICK)
    return await page.evaluate(VIOLATIONS, options)
