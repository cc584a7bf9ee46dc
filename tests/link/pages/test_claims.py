"""What only the app says stands on the pages as the app's own words, and nobody but the operator is the operator."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx2

from cobalt_link.app import House
from cobalt_link.connector.panes import Choice, Code, Consent, Credentials, Message, Option, Pane, Picker, Waiting
from cobalt_link.connector.refusals import catalogue
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.pages import render
from tests.link.pages.gallery import START, context, gallery
from tests.link.pages.reading import read
from tests.support.text_browser import Browser, Page, answers, link_by_http, public_token_of
from tests.support.world import Sandbox, Shop, connected, open_for_business, opened, settings_for, shop

CLAIM = "Mayo Clinic"
SAYS = re.compile(rf"Acme Scribe says: {CLAIM}")
ADDRESSEE = "ann@acme.example"


def is_marked(text: str) -> bool:
    """Whether the name stands only behind "Acme Scribe says"."""
    return CLAIM not in SAYS.sub("", text)


PANES: tuple[Pane, ...] = (
    Picker(), Consent(), Credentials(), Consent(name="reconnect"), Code(), Waiting(),
    Choice(name="clinic", options=()), Choice(name="already", options=(Option(value="1", label="keep", known=True),)),
    *(Message(code=code) for code in (*catalogue(), "disconnected")),
)  # fmt: skip


def test_a_practice_that_only_the_app_names_is_marked_on_every_pane() -> None:
    at = context(practice=None, claimed_practice=CLAIM, can_ask=True)
    assert [pane for pane in PANES if not is_marked(read(render.pane(at, pane, search=START)).text)] == []
    assert is_marked(read(render.done(at, "Ann")).text)
    assert is_marked(read(render.leaving(at)).text)
    for pane in (Credentials(), Consent()):
        assert SAYS.search(read(render.pane(at, pane)).text), pane


async def test_it_is_marked_all_the_way(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    await acme.link_token()
    assert (await acme.call("PATCH", "/v1/orgs/riverside", json={"branding_name": CLAIM})).is_success
    for _ in range(2):  # the second time also asks whether to keep the first connection
        browser = Browser(client)
        page, seen = await browser.open(f"/?token={await acme.link_token()}"), []
        while typed := answers(page, "user_good", "pass_good"):
            seen.append(page)
            page = await browser.submit(page, **typed)
        assert all(is_marked(each.text) for each in [*seen, page])
        assert {each.pane for each in seen if SAYS.search(each.text)} >= {"consent", "credentials"}
        await acme.exchange(public_token_of(await browser.submit(page) if page.pane == "done" else page))
        client.cookies.clear()
    async with connected(house) as other:
        page = await connections(other)
        assert "Acme Scribe" in page.text and CLAIM not in page.text
        page = await Browser(other).open(next(link for link in page.links if "/connections/" in link))
        assert CLAIM not in page.text
    # The account keeps only a name that the EHR gives.
    assert CLAIM not in (await acme.call("GET", "/v1/accounts")).text


async def test_a_name_that_the_ehr_gives_is_shown_as_one(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    await acme.link_token()
    assert (await acme.call("PATCH", "/v1/orgs/riverside", json={"branding_name": CLAIM})).is_success
    assert (await link_by_http(client, await acme.link_token())).pane == "done"
    await house.db.run("UPDATE accounts SET practice = 'Riverside Main Street'")
    client.cookies.clear()
    page = await link_by_http(client, await acme.link_token(), until="already")
    assert "Riverside Main Street" in page.text and not re.search("says: Riverside", page.text)
    assert is_marked(page.text)


async def test_the_pickers_practices_are_listed_by_the_app(acme: Shop, client: httpx2.AsyncClient) -> None:
    await acme.link_token()
    change = {"branding_name": CLAIM, "listed": True, "emr_instance_domain": "127.0.0.1:9"}
    assert (await acme.call("PATCH", "/v1/orgs/riverside", json=change)).is_success
    page = await Browser(client).open(f"/?token={await acme.link_token(org_id='other', emr_name=None)}")
    assert "Practices that Acme Scribe lists" in page.text.partition(CLAIM)[0]
    page = await Browser(client).submit(page, page.forms[0], q="mayo")
    assert "Practices that Acme Scribe lists" in page.text.partition(CLAIM)[0]


async def test_the_consent_says_for_whom_the_link_is(acme: Shop, client: httpx2.AsyncClient, house: House) -> None:
    page = await Browser(client).open(f"/?token={await acme.link_token(display_name=f'  {ADDRESSEE} ')}")
    assert f"Acme Scribe says that this is for {ADDRESSEE} . Is that not you?" in page.text
    rows = await house.db.rows("SELECT t::text AS all FROM link_display_names t")
    assert len(rows) == 1 and ADDRESSEE not in rows[0]["all"] and ADDRESSEE.encode().hex() not in rows[0]["all"]
    page = await Browser(client).open(f"/?token={await acme.link_token()}")
    assert page.pane == "consent" and "says that this is for" not in page.text


async def test_update_mode_says_it_too(acme: Shop, client: httpx2.AsyncClient, house: House) -> None:
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token()}")
    while typed := answers(page, "user_good", "pass_good"):
        page = await browser.submit(page, **typed)
    public = public_token_of(await browser.submit(page) if page.pane == "done" else page)
    access = (await acme.exchange(public)).json()["access_token"]
    await house.db.run("UPDATE accounts SET health = 'login_required', health_reason = 'wrong_credentials'")
    token = await acme.link_token(access_token=access, display_name=ADDRESSEE)
    page = await browser.open(f"/?token={token}")
    assert (page.pane, ADDRESSEE in page.text) == ("credentials", True), page.text


async def test_a_display_name_that_nobody_can_read_is_refused(acme: Shop) -> None:
    for name in ("a\nb\x00", "x" * 81, "\u202eann", "a\u200bb"):
        body = {"user_id": "u", "org_id": "o", "display_name": name}
        assert (await acme.call("POST", "/link/token/create", json=body)).status_code == 400, name


async def test_a_display_name_ends_with_its_link(acme: Shop, house: House) -> None:
    await acme.link_token(display_name=ADDRESSEE)
    await house.db.run("UPDATE link_display_names SET expires_at = now() - interval '1 day'")
    (prune,) = (chore.work for chore in house.chores if chore.name == "pruning")
    async with asyncio.timeout(20):  # a worker may be pruning already
        while await house.db.rows("SELECT 1 FROM link_display_names"):
            await prune()


def test_no_app_is_shown_as_the_operator() -> None:
    for name, page in gallery().items():
        if "same" not in name:
            assert "Run by Acme Scribe" not in read(page).text, name


async def test_the_operator_runs_the_pages(acme: Shop, client: httpx2.AsyncClient) -> None:
    opened = await Browser(client).open(f"/?token={await acme.link_token()}")
    closed = await Browser(client).open("/?token=lt_unknown")
    own = await Browser(client).open("/connections")
    assert all("Run by Riverside IT" in page.text for page in (opened, closed, own))


async def test_a_server_that_names_no_operator_names_its_host(
    dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, dsn, sandbox.address, operator="")
    async with opened(settings, clock) as house, open_for_business(house) as http:
        app = await shop(house, http, "Acme Scribe", origins=["https://app.example"])
        framed = {"token": await app.link_token(), "origin": "https://app.example"}
        pages = [
            await Browser(http).open("/connections"),
            await Browser(http).open("/?token=lt_unknown"),
            Page(await http.get("/", params=framed, headers={"Sec-Fetch-Dest": "iframe"})),
        ]
    for page in pages:
        assert f"Run by 127.0.0.1:{house.settings.port}" in page.text, page.text


async def connections(http: httpx2.AsyncClient) -> Page:
    browser = Browser(http)
    page = await browser.submit(await browser.open("/connections"), pick="ehr:sandbox")
    while typed := answers(page, "user_good", "pass_good"):
        page = await browser.submit(page, **typed)
    return page
