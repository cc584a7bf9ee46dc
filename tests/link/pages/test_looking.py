"""HEAD, prefetches, previews, and mail scanners change nothing, and take nothing from the user (S-001, S-024)."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx2

from cobalt_link import app
from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.web import Tenant
from tests.support.tables import contents
from tests.support.text_browser import Browser, link_by_http, public_token_by_http
from tests.support.world import Shop, connected

LOOKS = {
    "prefetch": {"Sec-Purpose": "prefetch"},
    "prerender": {"Sec-Purpose": "prefetch;prerender"},
    "older prefetch": {"Purpose": "prefetch"},
    "Firefox before 115": {"X-Moz": "prefetch"},
    "Safari's top sites": {"X-Purpose": "preview"},
    "Slack": {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    "WhatsApp": {"User-Agent": "WhatsApp/2.23.20.0"},
    "Teams": {"User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"},
    "Outlook": {"User-Agent": "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"},
    "iMessage": {"User-Agent": "Mozilla/5.0 (Macintosh) facebookexternalhit/1.1 Facebot Twitterbot/1.0"},
}
PEOPLE = [
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/440.0]",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Teams/24.1 Chrome/120.0 Safari/537.36",
    "Lynx/2.9.0",
    "",
]
# A read of a chart is one, by HEAD too: the audit trail says so. It needs an access token, which nobody has here.
GETS = [row for routes in app.TABLE for row in routes if row.method == "GET" and row.tenant is not Tenant.ACCOUNT]


async def looked(http: httpx2.AsyncClient, path: str, **more: object) -> None:
    """Every kind of look at a path."""
    for method, headers in [("HEAD", {}), *(("GET", each) for each in LOOKS.values())]:
        await http.request(method, path, headers=headers, **more)  # type: ignore[arg-type]


async def test_looks_leave_a_link_token_as_it_was_made(house: House, acme: Shop) -> None:
    token = await acme.link_token()
    before = await contents(house.db)
    async with connected(house) as http:
        for path in (f"/?token={token}", f"/?token={token}&lang=es", f"/?token={token}&origin=https://a.example"):
            await looked(http, path)
        await looked(http, "/connections")
        assert (await http.head(f"/?token={token}")).status_code == 200
        assert (await http.get(f"/?token={token}", headers=LOOKS["prefetch"])).status_code == 503
        preview = await http.get(f"/?token={token}", headers=LOOKS["Slack"])
        assert preview.status_code == 200 and "Open this link in your browser" in preview.text
        assert not http.cookies
    assert await contents(house.db) == before
    assert (await acme.session(token))["state"] == "created"


async def test_people_are_let_in_whatever_their_browser_is_called(house: House, acme: Shop) -> None:
    for name in PEOPLE:
        async with connected(house) as http:
            answer = await http.get(f"/?token={await acme.link_token()}", headers={"User-Agent": name})
        assert answer.status_code == 303 and answer.headers["location"].startswith("/link/"), name


async def test_no_look_changes_anything_while_the_user_is_in_link(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    before = await contents(house.db)
    for path in (page.form.action, f"{page.form.action}?lang=es", f"{page.form.action}/exit", "/connections"):
        await looked(client, path)
    assert await contents(house.db) == before


async def test_a_head_of_no_route_changes_anything(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    link = await acme.link_token()
    public = await public_token_by_http(client, link)
    [session] = await house.db.rows("SELECT id FROM link_sessions")
    before = await contents(house.db)
    for row in GETS:
        path = re.sub(r"{\w+}", session["id"], row.path)
        token = public if "exchange" in path else link
        await acme.call("HEAD", path, params={"link_token": link, "public_token": public, "token": token, "lang": "es"})
        assert await contents(house.db) == before, row.path
    assert (await acme.exchange(public)).json()["success"] is True


async def test_a_head_of_an_exchange_still_checks_who_asks(acme: Shop, client: httpx2.AsyncClient) -> None:
    assert (await client.head("/link/token/exchange")).status_code == 401
    assert (await acme.call("HEAD", "/link/token/exchange")).status_code == 200


async def test_a_scanner_that_opens_a_token_days_before_its_user_spends_none_of_it(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:  # S-001
    token = await acme.link_token(expires_in=7 * 86400)
    async with connected(house) as scanner:
        assert (await Browser(scanner).open(f"/?token={token}")).pane == "consent"
        for _ in range(6):
            clock.move(timedelta(days=1))
            for chore in house.chores:
                if chore.name == "expiry":
                    await chore.work()
            assert (await Browser(scanner).open(f"/?token={token}")).pane == "consent"
        page = await link_by_http(client, token, until="credentials")
        assert page.pane == "credentials"
        # From the first answer on there are thirty minutes, as ever.
        clock.move(timedelta(minutes=31))
        assert (await Browser(client).open(page.url)).heading == "This page timed out"
