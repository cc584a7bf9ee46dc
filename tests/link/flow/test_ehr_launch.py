"""A user opens the app inside their EHR: against the sandbox EHR, over HTTP, and with everything that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.link.session.launches import KEPT
from cobalt_link.link.session.upkeep import NOTICE_KEPT
from tests.support.ehr_launch import CALLBACK, LaunchingEhr, launching, leave, stranger
from tests.support.text_browser import Browser
from tests.support.world import Sandbox

CLOSED = "can’t open the app yet"
USED = "Open the app again from your EHR"


@pytest.fixture
async def ehr(house: House, client: httpx2.AsyncClient, sandbox: Sandbox) -> AsyncIterator[LaunchingEhr]:
    async with launching(house, client, sandbox) as found:
        yield found


@pytest.fixture
def browser(client: httpx2.AsyncClient) -> Browser:
    return Browser(client)


async def rows(house: House, table: str) -> str:
    return str(await house.db.rows(f"SELECT t::text FROM {table} t"))  # type: ignore[arg-type]


async def test_a_user_opens_the_app_in_the_ehr_agrees_and_the_app_reads(ehr: LaunchingEhr, browser: Browser) -> None:
    told = await ehr.start()
    assert told["iss"] == ehr.address
    consent = await browser.open(f"/launch?{urlencode(told)}")
    assert consent.pane == "consent" and "Acme Scribe" in consent.text and "127.0.0.1" in consent.text
    assert "launch=" not in consent.url and told["launch"] not in consent.response.text
    page = await browser.submit(consent, agree="yes")
    url, sent = await leave(browser, page)
    # What the EHR sent goes back to it once, to its own address, with the scope that says so.
    assert (sent["launch"], sent["aud"]) == ([told["launch"]], [ehr.address])
    assert "launch" in sent["scope"][0].split() and len(sent["state"][0]) == 43
    ended = await browser.open(await ehr.allow(url))
    location = ended.response.headers["location"]
    query = parse_qs(urlsplit(location).query)
    assert location.startswith(f"{CALLBACK}?") and sorted(query) == ["public_token", "token"]
    answer = (await ehr.shop.exchange(query["public_token"][0])).json()
    assert answer["account"]["user_id"] == f"{ehr.address}/Practitioner/u1"
    assert answer["account"]["org_id"] == "riverside"
    # The account is not about the patient whose chart was open.
    found = await ehr.shop.call(
        "GET", "/v1/patients", access_token=answer["token"], params={"last_name": "Bellweather"}
    )
    assert found.status_code == 200 and "Bellweather" in found.text, found.text


async def test_who_opens_the_app_again_has_the_same_account(ehr: LaunchingEhr, browser: Browser) -> None:
    for _ in range(2):
        await ehr.finish(browser, await ehr.agreed(browser, await ehr.start()))
    accounts = await ehr.house.db.rows("SELECT user_id FROM accounts")
    assert [each["user_id"] for each in accounts] == [f"{ehr.address}/Practitioner/u1"]


async def test_an_address_that_was_not_set_up_opens_nothing_and_is_sent_nothing(
    ehr: LaunchingEhr, browser: Browser, client: httpx2.AsyncClient
) -> None:  # S-017, S-073
    told, heard = await ehr.start(), []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        trap = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        parts = urlsplit(ehr.address)
        origin = f"http://{parts.netloc}"
        wrong = [
            "", trap, f"{trap}/fhir/r4", f"{trap}/?{ehr.address}", f"{trap}#{ehr.address}", "//" + parts.netloc, "*",
            f"{origin}", f"{origin}/fhir", f"{ehr.address}//", f"{ehr.address}/.", f"{ehr.address}/x/..",
            f"{ehr.address}?x=1", f"{ehr.address}#", f" {ehr.address}", f"{ehr.address} ", ehr.address.upper(),
            ehr.address.replace("127.0.0.1", "localhost"), ehr.address.replace("127.0.0.1", "127.0.0.1."),
            ehr.address.replace("http://", "https://"), ehr.address.replace("http://", f"http://x@{trap[7:]}\\@"),
            ehr.address.replace("http://", "http://user@"), ehr.address.replace("r4", "%724"), "file:///etc/passwd",
            ehr.address.replace("/fhir", "/%2e/fhir"), ehr.address + "\u200b", "x" * 1999,
            "http://169.254.169.254/latest", "javascript:1",
        ]  # fmt: skip
        before = await ehr.ehr.get("/api/_lab/log")
        for iss in wrong:
            said = await client.get("/launch", params={"iss": iss, "launch": told["launch"]})
            assert (said.status_code, CLOSED in said.text) == (403, True), iss
            assert not client.cookies and "location" not in said.headers
        for missing in ({"iss": ehr.address}, {"launch": "x"}, {}):
            assert CLOSED in (await client.get("/launch", params=missing)).text
        after = await ehr.ehr.get("/api/_lab/log")
    assert heard == [] and after.json()["counts"] == before.json()["counts"]
    assert await rows(ehr.house, "link_sessions") == "[]"
    assert (await browser.open(f"/launch?{urlencode(told)}")).pane == "consent"


async def test_what_was_taken_away_opens_nothing(ehr: LaunchingEhr, browser: Browser) -> None:
    """The registration, the app itself, its callback address, and what the operator said of launches."""
    house, client = ehr.house, ehr.shop.record
    smart = house.deps.connectors["smart"]
    kept = smart.registrations
    smart.registrations = type(kept)()
    assert CLOSED in (await browser.open(f"/launch?{urlencode(await ehr.start())}")).text
    smart.registrations = kept
    await house.developers.clients.update(client, callback_urls=["https://scribe.example/linked"])
    await asyncio.sleep(1.1)  # clients are cached for a second
    assert CLOSED in (await browser.open(f"/launch?{urlencode(await ehr.start())}")).text
    await house.developers.clients.update(client, callback_urls=[CALLBACK])
    await house.developers.clients.disable(await house.developers.clients.find(client.client_id))
    await asyncio.sleep(1.1)
    assert CLOSED in (await browser.open(f"/launch?{urlencode(await ehr.start())}")).text
    await house.developers.clients.enable(await house.developers.clients.find(client.client_id))
    await house.db.run("DELETE FROM ehr_launches")
    assert CLOSED in (await browser.open(f"/launch?{urlencode(await ehr.start())}")).text


async def test_a_launch_opens_once_and_in_one_browser(ehr: LaunchingEhr, browser: Browser) -> None:
    told = await ehr.start()
    first = await browser.open(f"/launch?{urlencode(told)}")
    again = await browser.open(f"/launch?{urlencode(told)}")  # the user reloads
    assert again.url == first.url and again.pane == "consent"
    async with stranger(ehr.house) as other:
        replayed = await other.open(f"/launch?{urlencode(told)}")
        assert (replayed.status, replayed.heading) == (410, USED)
        # The page of the session itself is closed for others too, and so is what its user was sent to (S-024).
        assert "browser" in (await other.open(first.url)).heading
        url, _ = await leave(browser, await browser.submit(again, agree="yes"))
        back = await ehr.allow(url)
        exchanged = (await ehr.ehr.get("/api/_lab/log")).json()["counts"]["codes_exchanged"]
        assert "Nothing was shared" in (await other.open(back)).text
        assert (await ehr.ehr.get("/api/_lab/log")).json()["counts"]["codes_exchanged"] == exchanged
        await browser.open(back)
        assert (await other.open(f"/launch?{urlencode(told)}")).heading == USED
    done = await browser.open(f"/launch?{urlencode(told)}")
    assert done.heading == "You’re connected" and len(await ehr.house.db.rows("SELECT FROM link_sessions")) == 1


async def test_two_requests_with_one_launch_open_one_session(ehr: LaunchingEhr) -> None:
    told = await ehr.start()
    async with stranger(ehr.house) as one, stranger(ehr.house) as two:
        both = await asyncio.gather(*(each.open(f"/launch?{urlencode(told)}") for each in (one, two)))
    assert sorted(each.heading == USED for each in both) == [False, True]
    assert len(await ehr.house.db.rows("SELECT FROM link_sessions")) == 1


async def test_a_page_of_an_attacker_starts_nothing_that_its_victim_has_not_agreed_to(
    ehr: LaunchingEhr, browser: Browser, client: httpx2.AsyncClient
) -> None:  # S-023, S-024
    told, address = await ehr.start(), "/launch"
    for frame in ("iframe", "frame", "embed", "object", "empty", "image"):
        framed = await client.get(
            address, params=told, headers={"Sec-Fetch-Dest": frame, "Sec-Fetch-Site": "cross-site"}
        )
        assert framed.status_code == 403 and "a window of its own" in framed.text, frame
    for header in ({"Sec-Purpose": "prefetch"}, {"User-Agent": "Slackbot 1.0"}):
        assert not (await client.get(address, params=told, headers=header)).is_redirect
    assert (await client.head(address, params=told)).status_code != 303
    assert await rows(ehr.house, "link_launches") == "[]" and not client.cookies
    # The victim's browser is sent here by the attacker's page. It shows a consent, and sends nobody anywhere.
    consent = await browser.open(f"{address}?{urlencode(told)}")
    assert consent.pane == "consent"
    assert "frame-ancestors 'none'" in consent.response.headers["content-security-policy"]
    foreign = ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"})
    for headers in foreign:
        data = {name: value for name, value in consent.form.fields.items() if name != "csrf"} | {"agree": "yes"}
        assert (await client.post(consent.url, data=data, headers=headers)).status_code == 403
    assert (await browser.open(consent.url)).pane == "consent"
    # Whoever signs in at the EHR is who is linked: here the victim, and not the attacker who made the launch.
    page = await browser.submit(await browser.open(consent.url), agree="yes")
    url, _ = await leave(browser, page)
    ehr.ehr.cookies.clear()
    sign_in = await ehr.ehr.get(url)
    assert 'name="password"' in sign_in.text, "the victim is not in the attacker's session at the EHR"


async def test_nothing_that_comes_along_says_where_the_browser_ends(ehr: LaunchingEhr, browser: Browser) -> None:
    # S-018
    evil = dict.fromkeys(("callback_url", "redirect_uri", "state", "url", "client", "next"), "https://evil.example/")
    page = await ehr.agreed(browser, evil | await ehr.start())
    assert "evil.example" not in page.response.text
    location = await ehr.finish(browser, page)
    assert location.startswith(f"{CALLBACK}?") and "evil" not in location


async def test_a_launch_rests_sealed_and_is_erased_when_the_session_ends(
    ehr: LaunchingEhr, browser: Browser, house: House
) -> None:
    finished, left = await ehr.start(), await ehr.start()
    page = await ehr.agreed(browser, finished)
    tables = ("link_launches", "link_sessions", "journal", "link_redirects", "link_tokens", "link_events")
    await leave(browser, page)
    assert finished["launch"] not in "".join([await rows(house, table) for table in tables])
    assert await house.db.rows("SELECT FROM link_launches WHERE sealed_launch IS NOT NULL")
    await ehr.finish(browser, page)
    consent = await browser.open(f"/launch?{urlencode(left)}")
    asked = await browser.open(f"{consent.url}/exit")
    await browser.submit(asked, asked.forms[0])
    assert await house.db.rows("SELECT FROM link_launches WHERE sealed_launch IS NOT NULL") == []
    assert len(await house.db.rows("SELECT FROM link_launches")) == 2
    told = await house.db.rows("SELECT type FROM webhook_events WHERE type LIKE 'link.%%' ORDER BY number", ())
    assert [each["type"] for each in told] == ["link.completed", "link.exited"]


async def test_a_launch_that_nobody_finishes_ends_and_is_forgotten(
    ehr: LaunchingEhr, browser: Browser, house: House
) -> None:
    told = await ehr.start()
    consent = await browser.open(f"/launch?{urlencode(told)}")
    house.deps.clock.move(KEPT + NOTICE_KEPT)  # type: ignore[attr-defined]
    for chore in house.chores:
        if chore.name in ("expiry", "pruning"):
            await chore.work()
    assert "timed out" in (await browser.open(consent.url)).heading
    assert await rows(house, "link_launches") == "[]"
