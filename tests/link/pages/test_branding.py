"""A client's own look on the pages: its mark, and its accent in a style sheet of its own that all can read."""

from __future__ import annotations

import httpx2
import pytest
from playwright.async_api import Browser as Chromium

from cobalt_link.app import House
from cobalt_link.link.pages import render
from tests.link.pages.gallery import context, gallery
from tests.link.pages.reading import read
from tests.support.axe import bring_axe, violations
from tests.support.chromium import ORIGIN, window
from tests.support.text_browser import Browser, Page
from tests.support.world import Shop, shop

ACCENTS = ("#0a7a5c", "#b00020")
BY_COLOR = ["color-contrast", "link-in-text-block"]  # the rules that an accent can break
JUDGED = ("consent", "credentials-wrong", "choice-way", "done")


def style_sheets(page: Page) -> list[str]:
    return [link.attrs["href"] for link in read(page.response.text).all("link", rel="stylesheet")]


async def opened(shop: Shop) -> Page:
    return await Browser(shop.http).open(f"/?token={await shop.link_token()}")


async def test_a_page_has_the_mark_and_the_accent_of_its_client_and_others_have_not(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    look = {"mark": "Ω7", "accent": ACCENTS[0]}
    branded = await shop(house, client, "Branded Notes")
    await house.developers.clients.update(branded.record, branding=look)
    page = await opened(branded)
    assert "Ω7" in page.text and "BN" not in page.text
    ours, connector_texts = style_sheets(page)
    assert connector_texts.startswith("/static/accent.0a7a5c.")
    assert style_sheets(await opened(acme)) == [ours]
    served = await client.get(connector_texts)
    assert served.headers["content-type"].startswith("text/css")
    assert "immutable" in served.headers["cache-control"]
    assert "--fill:#0a7a5c" in served.text
    assert "style-src 'self'" in page.response.headers["content-security-policy"]


async def test_only_a_checked_accent_at_its_own_address_is_served(client: httpx2.AsyncClient) -> None:
    for name in ("ffcc00.000000000000.css", "0a7a5c.000000000000.css", "0A7A5C.css", ".css"):
        assert (await client.get(f"/static/accent.{name}")).status_code == 404, name


async def test_a_frame_has_the_accent_before_its_script_fetches_the_pane(
    house: House, client: httpx2.AsyncClient
) -> None:
    framed = await shop(house, client, "Framed", origins=["https://acme.example"])
    await house.developers.clients.update(framed.record, branding={"accent": ACCENTS[1]})
    query = {"token": await framed.link_token(), "origin": "https://acme.example"}
    shell = await client.get("/", params=query, headers={"Sec-Fetch-Dest": "iframe"}, follow_redirects=True)
    assert "/static/accent.b00020." in shell.text


async def test_pages_keep_wcag_aa_with_an_accent(browser: Chromium, monkeypatch: pytest.MonkeyPatch) -> None:
    for color in ACCENTS:
        shown = branded(color, monkeypatch)
        for theme in ("light", "dark"):
            async with window(browser, shown, (420, 680), theme, scripts=True) as page:
                await bring_axe(page)
                for name in shown:
                    await page.goto(f"{ORIGIN}/{name}")
                    assert await violations(page, runOnly=BY_COLOR) == [], (color, theme, name)


async def test_the_accent_is_what_is_seen_in_each_theme_and_when_one_is_forced(
    browser: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = branded(ACCENTS[0], monkeypatch)
    fill = "getComputedStyle(document.querySelector('.btn.go')).backgroundColor"
    for theme, forced, seen in (
        ("light", "", "rgb(10, 122, 92)"),
        ("dark", "", "rgb(20, 127, 96)"),
        ("light", ' data-theme="dark"', "rgb(20, 127, 96)"),
    ):
        themed = {"consent": shown["consent"].replace("<html", f"<html{forced}")}
        async with window(browser, themed, (420, 680), theme, scripts=True) as page:
            await page.goto(f"{ORIGIN}/consent")
            assert await page.evaluate(fill) == seen


def branded(color: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The checked pages with an accent."""
    monkeypatch.setattr("tests.link.pages.gallery.context", lambda **changed: context(**changed, accent=color))
    shown = {name: page.replace('http-equiv="refresh"', "") for name, page in gallery().items() if name in JUDGED}
    assert len(shown) == len(JUDGED) and all("/static/accent." in page for page in shown.values())
    return shown


def test_a_page_without_a_client_has_no_accent() -> None:
    assert "accent." not in render.closed("not_found", locale="en", operator="Acme Health")
