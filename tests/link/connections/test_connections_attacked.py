"""Attacks on the connections flow: anybody can start it, and nobody gets at the accounts of others (S-125)."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from cobalt_link.app import House
from cobalt_link.web.rates import RateLimits
from tests.link.conftest import session_row
from tests.link.connections.test_connections import ends, linked, signed_in, works
from tests.support.text_browser import Browser, Page
from tests.support.world import Sandbox, Shop, connected

NOBODYS = "0" * 32


async def test_another_browser_sees_and_ends_nothing(house: House, acme: Shop) -> None:
    headers = await linked(house, acme)
    async with connected(house) as http, connected(house) as other:
        page = await signed_in(http)
        asked = await Browser(http).open(ends(page)[0])
        other.cookies.set("of", "another-app")
        for address in (page.form.action.removesuffix("/exit"), ends(page)[0], page.form.action):
            refused = await Browser(other).open(address)
            assert refused.status == 403 and "Acme" not in refused.text
        assert (await Browser(other).submit(asked)).status == 403
    assert await works(acme, headers)


async def test_a_form_from_elsewhere_ends_nothing(house: House, acme: Shop) -> None:
    headers = await linked(house, acme)
    async with connected(house) as http:
        asked = await Browser(http).open(ends(await signed_in(http))[0])
        for sent in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
            answer = await http.post(asked.form.action, data={"csrf": NOBODYS}, headers=sent)
            assert answer.status_code == 403
        assert (await http.get(asked.form.action)).status_code == 200  # looking at the question ends nothing
    assert await works(acme, headers)


async def test_an_account_of_somebody_else_cannot_be_named(house: House, acme: Shop, rival: Shop) -> None:
    mine, connector_texts = await linked(house, acme), await linked(house, rival, "user_code")
    (rivals,) = (await rival.call("GET", "/v1/accounts")).json()["accounts"]
    async with connected(house) as http:
        browser = Browser(http)
        page = await signed_in(http)
        asked = await browser.open(ends(page)[0])
        own = urlsplit(asked.form.action).path.rpartition("/")[0]
        for account in (rivals["id"], NOBODYS, "x", "%00", "..%2f.."):
            answers = [
                await http.get(f"{own}/{account}"),
                await http.post(f"{own}/{account}", data=asked.form.fields, headers={"Origin": browser.origin}),
            ]
            assert [each.status_code for each in answers] == [404, 404], account
            assert "Rival" not in answers[0].text
    assert await works(acme, mine) and await works(rival, connector_texts)


async def test_a_list_that_nobody_has_signed_in_for_ends_nothing(house: House, acme: Shop) -> None:
    headers = await linked(house, acme)
    (account,) = (await acme.call("GET", "/v1/accounts")).json()["accounts"]
    async with connected(house) as http:
        browser = Browser(http)
        page = await signed_in(http, until="credentials")
        where = f"{urlsplit(page.form.action).path}/connections/{account['id']}"
        sent = {"csrf": page.form.fields["csrf"]}
        assert (await http.post(where, data=sent, headers={"Origin": browser.origin})).status_code == 404
    assert await works(acme, headers)


async def test_a_link_session_of_an_app_has_no_list(house: House, acme: Shop) -> None:
    headers = await linked(house, acme)
    (account,) = (await acme.call("GET", "/v1/accounts")).json()["accounts"]
    async with connected(house) as http:
        from tests.support.text_browser import link_by_http

        done = await link_by_http(http, await acme.link_token())
        where = urlsplit(done.form.action).path.removesuffix("/done") + f"/connections/{account['id']}"
        sent = {"csrf": done.form.fields["csrf"]}
        answer = await http.post(where, data=sent, headers={"Origin": str(http.base_url).rstrip("/")})
        assert answer.status_code == 404
    assert await works(acme, headers)


async def test_the_same_form_twice_and_two_at_once_end_in_the_list(house: House, acme: Shop) -> None:
    await linked(house, acme)
    async with connected(house) as http:
        browser = Browser(http)
        asked = await browser.open(ends(await signed_in(http))[0])
        pages = await asyncio.gather(*(browser.submit(asked) for _ in range(4)))
        assert {page.heading for page in pages} == {"No connections"}
        assert (await browser.submit(asked)).heading == "No connections"
        assert (await browser.open(asked.url)).heading == "No connections"
    ended = await house.db.one("SELECT count(*) AS n FROM audit WHERE what = 'disconnected'")
    assert ended == {"n": 1}


async def test_a_user_of_the_same_name_at_another_clinic_is_somebody_else(house: House, acme: Shop) -> None:
    await linked(house, acme, "user_clinics")  # signs in at the first of several clinics
    async with connected(house) as http:
        browser = Browser(http)
        page = await signed_in(http, "user_clinics", until="choice")
        clinics = page.form.values("pick")
        assert len(clinics) > 1
        assert (await browser.submit(page, pick=clinics[1])).heading == "No connections"


async def test_a_live_apps_account_does_not_show_among_those_of_test_apps(house: House, acme: Shop) -> None:
    await linked(house, acme)
    await house.db.run("UPDATE clients SET env = 'live' WHERE id = %s", (acme.record.id,))
    async with connected(house) as http:
        browser = Browser(http)
        picker = await browser.open("/connections")
        assert "ehr:sandbox" not in picker.form.values("pick")  # no test app, no sandbox
        await house.db.run("UPDATE clients SET env = 'test' WHERE id = %s", (acme.record.id,))
        assert len(ends(await signed_in(http))) == 1
        await browser.open("/connections")
    # Whatever got into the table by mistake: a live app's account at a test EHR is not shown.
    await house.db.run("INSERT INTO clients SELECT repeat('1', 32), 'ci_test_1', 'T', 'test', '{}', '{}', '{}', now()")
    await house.db.run("UPDATE clients SET env = 'live' WHERE id = %s", (acme.record.id,))
    await asyncio.sleep(1.1)  # clients are remembered for a second
    async with connected(house) as http:
        assert (await signed_in(http)).heading == "No connections"


async def test_no_password_goes_to_an_address_where_nothing_is_connected(
    house: House, acme: Shop, sandbox: Sandbox
) -> None:
    """Else everybody could send passwords, or just requests, anywhere through this server."""
    calls = (await sandbox.counts())["login_attempts"]
    async with connected(house) as http:
        browser = Browser(http)
        start = await browser.open("/connections")
        row = await browser.submit(start, pick="ehr:sandbox")
        assert "No app is connected to an EHR at this address." in row.text
        for url in (sandbox.address, "http://127.0.0.1:5432", "https://evil.example"):
            page = await browser.submit(start, ehr="sandbox", url=url)
            assert page.status == 422 and "No app is connected to an EHR at this address." in page.text
    assert (await sandbox.counts())["login_attempts"] == calls
    row = await session_row(house)
    assert await house.db.one("SELECT count(*) AS n FROM journal WHERE link_session = %s", (row["id"],)) == {"n": 0}


async def test_practices_of_clients_are_not_listed_and_cannot_be_picked(house: House, acme: Shop) -> None:
    await linked(house, acme)
    org = await house.db.one("SELECT id FROM orgs")
    assert org is not None
    async with connected(house) as http:
        browser = Browser(http)
        page = await browser.open("/connections?q=riverside")
        assert all(value.startswith("ehr:") for value in page.form.values("pick"))
        assert (await browser.submit(page, pick=f"org:{org['id']}")).status == 422


async def test_a_guesser_is_slowed_down_by_address_and_by_account(
    house: House, acme: Shop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await linked(house, acme)
    monkeypatch.setattr(house.link.connections, "limits", RateLimits(monotonic=lambda: 0.0))
    async with connected(house) as http:
        before = await sandbox.logins()
        page = await signed_in(http, until="credentials")
        said: list[Page] = []
        for n in range(14):
            page = await Browser(http).open(urlsplit(page.url).path) if page.pane != "credentials" else page
            page = await Browser(http).submit(page, username=f"nobody{n % 4}", password="guess")
            said.append(page)
            if page.status == 429:
                page = await signed_in(http, until="credentials")
    assert [each.status for each in said[:10]] == [200] * 10
    assert {each.status for each in said[10:]} == {429}
    # The brake lets two usernames of a session pass at that pace.
    assert await sandbox.logins() - before == 2


async def test_nobodys_browser_may_be_framed_or_handed_a_token(house: House, acme: Shop) -> None:
    await linked(house, acme)
    async with connected(house) as http:
        page = await signed_in(http)
        assert "frame-ancestors 'none'" in page.response.headers["content-security-policy"]
        own = page.form.action.removesuffix("/exit")
        sent = {"csrf": page.form.fields["csrf"]}
        done = await http.post(f"{own}/done", data=sent, headers={"Origin": str(http.base_url).rstrip("/")})
        assert (done.status_code, urlsplit(done.headers["location"]).path) == (303, own)
    assert await house.db.one("SELECT count(*) AS n FROM public_tokens WHERE link_session = %s", (own[6:],)) == {"n": 0}
