"""The way back to each kind of callback that can be registered: a web address, an own scheme, an IPv6 address."""

from __future__ import annotations

import html

import httpx2

from cobalt_link.app import House
from tests.support.text_browser import Page, link_by_http
from tests.support.world import shop

WEB = ["http://127.0.0.1:9/linked", "http://localhost:9/?a=b", "https://app.example.com/cb?"]
OWN_SCHEME = ["myapp://linked", "myapp://", "com.example.app://oauth?step=2", "myapp:///linked&x"]
IPV6 = ["http://[::1]:9/linked", "https://[2001:db8::1]/cb?a=b"]


async def pressed(house: House, client: httpx2.AsyncClient, callback: str) -> tuple[Page, httpx2.Response]:
    """The last page of a link, and the answer to its button."""
    app = await shop(house, client, "Phone App", callback_urls=[callback])
    page = await link_by_http(client, await app.link_token(state="s&t", show_summary=True))
    assert page.pane == "done", page.text
    headers = {"Origin": str(client.base_url).rstrip("/")}
    return page, await client.post(page.form.action, data=page.form.fields, headers=headers)


def form_action(response: httpx2.Response) -> list[str]:
    policy = response.headers["content-security-policy"]
    return next(part.split() for part in policy.split("; ") if part.startswith("form-action"))[1:]


def is_answer(address: str, callback: str) -> bool:
    """Whether an address is the callback with the token and the state, as the app would read them."""
    query = dict(httpx2.QueryParams(address.partition("?")[2]))
    return (
        address.startswith(callback)
        and query["token"] == query["public_token"]
        and query["token"].startswith("pt_test_")
        and query["state"] == "s&t"
    )


async def test_the_button_leads_to_the_callback_and_the_policy_allows_it(
    house: House, client: httpx2.AsyncClient
) -> None:
    for callback in (*WEB, *OWN_SCHEME):
        page, answer = await pressed(house, client, callback)
        assert answer.status_code == 303 and is_answer(answer.headers["location"], callback), callback
        scheme, _, rest = callback.partition("://")
        allowed = f"{scheme}:" if callback in OWN_SCHEME else f"{scheme}://{rest.partition('/')[0]}"
        assert form_action(page.response) == ["'self'", allowed], callback


async def test_an_ipv6_callback_is_reached_by_way_of_a_page_that_needs_no_policy(
    house: House, client: httpx2.AsyncClient
) -> None:
    for callback in IPV6:
        page, answer = await pressed(house, client, callback)
        assert form_action(page.response) == form_action(answer) == ["'self'"], callback
        shown = Page(answer)
        assert answer.status_code == 200 and is_answer(html.unescape(shown.refresh or ""), callback), callback
        assert [each for each in shown.links if is_answer(each, callback)], callback
