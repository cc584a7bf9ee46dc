"""A person's browser at a link session: whose it is, what it may send, how it leaves, and where it is sent
afterwards."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import quote, urlsplit

import httpx2
import msgspec
import pytest

from cobalt_link.app import House
from cobalt_link.connector.panes import ConsentAnswer
from cobalt_link.developers.org_settings import OrgChange
from cobalt_link.kit.clock import MovedClock
from cobalt_link.link.pages.loading import ContextLoader
from cobalt_link.store.database import DatabaseUnavailable
from tests.link.conftest import session_row, until_begun
from tests.link.pages.reading import read
from tests.support.text_browser import Browser, Form, Page, go_on, link_by_http, public_token_of
from tests.support.world import CALLBACK, Sandbox, Shop, connected, shop

GOOD = {"username": "user_good", "password": "pass_good"}


# Whose link session it is
# ----------------------------------------------------------------------------------------------


async def test_the_browser_of_the_first_answer_owns_the_session_whoever_else_looks(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-024
    link = await acme.link_token()
    first = await Browser(client).open(f"/?token={link}")
    async with connected(house) as other, connected(house) as third:
        second = await Browser(other).open(f"/?token={link}")
        assert first.pane == second.pane == "consent"
        assert (await Browser(client).open(first.url)).pane == "consent"  # nothing was taken from it
        signing_in = await Browser(client).submit(first, agree="yes")
        refused = await Browser(other).submit(second, agree="yes")
        assert (refused.status, refused.heading) == (403, "Go back to the browser you started in")
        assert (await Browser(third).open(f"/?token={link}")).status == 403
        assert (await go_on(Browser(client), signing_in, **GOOD)).pane == "done"


async def test_of_two_first_answers_at_once_one_counts(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    link = await acme.link_token()
    async with connected(house) as other:
        pages = [(http, await Browser(http).open(f"/?token={link}")) for http in (client, other)]
        after = await asyncio.gather(*(Browser(http).submit(page, agree="yes") for http, page in pages))
        assert sorted(each.status for each in after) == [200, 403]
        [owner] = [http for (http, _), page in zip(pages, after, strict=True) if page.status == 200]
        assert (await link_by_http(owner, link, until="credentials")).pane == "credentials"


async def test_a_secret_opens_only_the_session_that_it_was_made_for(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-024
    page = await Browser(client).open(f"/?token={await acme.link_token()}")
    [(name, secret)] = [(each.name, each.value or "") for each in client.cookies.jar]
    async with connected(house) as other:
        await Browser(other).open(f"/?token={await acme.link_token(user_id='user-2')}")
        [foreign] = [each.value or "" for each in other.cookies.jar]
    swapped = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    for forged in (foreign, swapped, secret[:-32], secret[-32:], secret[:-32] + "0" * 32, "é" * 75, "x"):
        cookie = {"Cookie": f"{name}={quote(forged)}"}
        async with connected(house) as stranger:
            assert (await stranger.get(page.form.action, headers=cookie)).status_code == 403, forged


async def test_after_the_first_answer_another_browser_is_refused_and_learns_nothing(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-024
    link = await acme.link_token()
    page = await link_by_http(client, link, until="credentials")
    async with connected(house) as other:
        other.cookies.set("of", "another-app")
        for address in (f"/?token={link}", page.form.action, f"{page.form.action}/exit"):
            refused = await Browser(other).open(address)
            assert (refused.status, refused.heading) == (403, "Go back to the browser you started in")
            assert "Acme" not in refused.text and "Sandbox" not in refused.text
        answer = await Browser(other).submit(page, **GOOD)
        assert answer.status == 403
    assert (await Browser(client).open(f"/?token={link}")).pane == "credentials"


async def test_an_answer_from_a_browser_that_was_let_in_before_another_answered_does_not_count(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:  # S-024
    link = await acme.link_token()
    await link_by_http(client, link, until="consent")
    session = await house.link.sessions.by_id((await session_row(house))["id"])
    assert session is not None and session.browser == b""
    let_in = msgspec.structs.replace(session, browser=b"another")
    await link_by_http(client, link, until="credentials")
    for n in (session.pane_n or 0, (await session_row(house))["pane_n"]):
        assert not await house.link.answers.answer(let_in, n, ConsentAnswer(agree=True))
        assert not await house.link.answers.again(let_in, n)
    assert not await house.link.answers.own(let_in)
    assert (await link_by_http(client, link, until="done")).pane == "done"


async def test_a_first_pane_in_a_frame_that_fails_halfway_is_asked_for_again(
    house: House, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = await shop(house, client, "Framed", origins=["https://acme.example"])
    framed = {"token": await acme.link_token(), "origin": "https://acme.example"}

    async def broken(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(ContextLoader, "load", broken)
    answer = await client.get("/", params=framed, headers={"Sec-Fetch-Dest": "iframe"})
    assert answer.status_code == 200 and answer.text.rstrip().endswith("</html>")
    assert 'data-page="shell"' in answer.text and 'class="sheet"' in answer.text


async def test_over_https_a_cookie_that_a_neighbor_may_have_set_does_not_count(
    house: House, acme: Shop, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:  # S-117
    page = await link_by_http(client, await acme.link_token(), until="consent")
    monkeypatch.setattr(house.link.access, "https", True)
    assert (await Browser(client).open(page.form.action)).status == 403
    [(name, secret)] = [(each.name, each.value) for each in client.cookies.jar]
    assert not name.startswith("__Host-")
    await client.get("/healthz", headers={})
    kept = await client.get(page.form.action, headers={"Cookie": f"__Host-{name}={secret}"})
    assert kept.status_code == 200


async def test_an_address_with_the_secret_in_it_opens_nothing_in_somebody_elses_window(
    house: House, client: httpx2.AsyncClient
) -> None:  # S-024
    acme = await shop(house, client, "Framed", origins=["https://acme.example"])
    framed = {"token": await acme.link_token(), "origin": "https://acme.example"}
    in_window = await client.get("/", params=framed, headers={"Sec-Fetch-Dest": "document"})
    assert in_window.headers["location"].startswith("/link/") and "#" not in in_window.headers["location"]
    in_frame = await client.get("/", params=framed, headers={"Sec-Fetch-Dest": "iframe"})
    page = read(in_frame.text).one("html").attrs
    secret, path = page["data-secret"], page["data-path"]
    # The script makes this address of the frame: `?origin=…#s=SECRET`. No browser sends what stands after the #.
    async with connected(house) as victim:
        window = {"Sec-Fetch-Dest": "document"}
        opened = await victim.get(path, params={"origin": framed["origin"]}, headers=window)
        assert (opened.status_code, Page(opened).heading) == (403, "Your browser blocks cookies here")
        assert secret not in opened.text
        reloaded = await victim.get(path, params={"origin": framed["origin"]}, headers={"Sec-Fetch-Dest": "iframe"})
        assert read(reloaded.text).one("main").attrs["data-page"] == "shell"
        assert secret not in reloaded.text


async def test_two_openings_at_once_both_get_in_and_the_later_one_has_it(
    house: House, acme: Shop, client: httpx2.AsyncClient
) -> None:
    link = await acme.link_token()
    async with connected(house) as one, connected(house) as two:
        answers = await asyncio.gather(*(each.get("/", params={"token": link}) for each in (one, two) * 3))
        assert [each.status_code for each in answers] == [303] * 6
        assert len({urlsplit(each.headers["location"]).path for each in answers}) == 1
        own = [(await each.get(answers[0].headers["location"])).status_code for each in (one, two)]
        assert 200 in own


async def test_without_cookies_the_page_says_so(house: House, acme: Shop, client: httpx2.AsyncClient) -> None:
    page = await link_by_http(client, await acme.link_token(), until="consent")
    async with connected(house) as bare:
        refused = await Browser(bare).open(page.form.action)
    assert (refused.status, refused.heading) == (403, "Your browser blocks cookies here")


async def test_two_tabs_with_two_link_sessions_do_not_disturb_each_other(
    acme: Shop, client: httpx2.AsyncClient
) -> None:
    first = await link_by_http(client, await acme.link_token(user_id="one"), until="credentials")
    second = await link_by_http(client, await acme.link_token(user_id="two"), until="credentials")
    assert (await Browser(client).submit(first, **GOOD)).pane == "done"
    assert (await Browser(client).submit(second, **GOOD)).pane == "done"


async def test_the_cookie_is_for_this_browser_alone(acme: Shop, client: httpx2.AsyncClient) -> None:
    response = await client.get("/", params={"token": await acme.link_token()})
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Domain" not in cookie


# Links that no longer open ----------------------------------------------------------------------------------------


async def test_a_used_link_an_unknown_one_and_an_ended_one_say_which(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock
) -> None:
    used, left, late = [await acme.link_token(user_id=str(n)) for n in range(3)]
    assert (await link_by_http(client, used)).pane == "done"
    page = await link_by_http(client, left, until="credentials")
    await Browser(client).submit(page, exit_of(page))
    async with connected(house) as other:
        browser = Browser(other)
        for link, status, heading in (
            (used, 410, "This link was already used"),
            (left, 410, "This link was already used"),
            (late[:-1] + ("a" if late[-1] != "a" else "b"), 404, "This link doesn’t work"),
            ("nonsense", 404, "This link doesn’t work"),
            ("", 404, "This link doesn’t work"),
        ):
            page = await browser.open(f"/?token={link}")
            assert (page.status, page.heading) == (status, heading)
        clock.move(timedelta(minutes=31))
        assert (await browser.open(f"/?token={late}")).heading == "This page timed out"


async def test_the_user_who_finished_sees_the_end_again(acme: Shop, client: httpx2.AsyncClient) -> None:
    link = await acme.link_token()
    assert (await link_by_http(client, link)).pane == "done"
    assert (await Browser(client).open(f"/?token={link}")).pane == "done"


# What a form may come from ----------------------------------------------------------------------------------------

FOREIGN: list[tuple[dict[str, str], bool]] = [
    ({"Origin": "https://evil.example"}, True),
    ({"Origin": "null"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, True),
    ({"Sec-Fetch-Site": "same-site"}, True),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "SELF"}, True),
    ({}, False),
]


async def test_a_foreign_form_is_refused_whatever_it_knows(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:  # S-118
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    own = str(client.base_url).rstrip("/")
    for case, (headers, with_token) in enumerate(FOREIGN):
        headers = {name: own if value == "SELF" else value for name, value in headers.items()}
        fields = page.form.fields | GOOD
        if not with_token:
            fields |= {"csrf": "0" * 40}
        for path in (page.form.action, f"{page.form.action}/exit", f"{page.form.action}/done"):
            answer = await client.post(path, data=fields, headers=headers)
            assert (answer.status_code, Page(answer).heading) == (403, "That didn’t come from this page"), FOREIGN[case]
        assert await sandbox.logins() == 0, FOREIGN[case]
    assert (await Browser(client).submit(page, **GOOD)).pane == "done"


async def test_own_forms_pass_with_any_one_proof(acme: Shop, client: httpx2.AsyncClient) -> None:
    own = str(client.base_url).rstrip("/")
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": own}, {}, {"Origin": "null"}):
        page = await link_by_http(client, await acme.link_token(), until="consent")
        answer = await client.post(page.form.action, data=page.form.fields | {"agree": "yes"}, headers=headers)
        assert answer.status_code == 303 and answer.headers["location"] == page.form.action, headers  # S-034


# Going back, changing one's mind, leaving -------------------------------------------------------------------------


async def test_going_back_and_answering_again_shows_the_open_pane(acme: Shop, client: httpx2.AsyncClient) -> None:
    browser = Browser(client)
    consent = await browser.open(f"/?token={await acme.link_token()}")
    credentials = await browser.submit(consent, agree="yes")
    stale = await browser.submit(consent, agree="yes")
    assert stale.pane == "credentials" and stale.stale
    assert stale.form.fields["pane"] == credentials.form.fields["pane"]
    assert not (await browser.open(stale.form.action)).stale


async def test_who_does_not_allow_it_has_stopped_and_reads_so(acme: Shop, client: httpx2.AsyncClient) -> None:
    browser = Browser(client)
    page = await browser.open(f"/?token={(link := await acme.link_token())}")
    page = await browser.submit(page, agree="no")
    assert page.heading == "You didn’t allow it" and "Nothing was shared with Acme Scribe ." in page.text
    assert page.links[0] == "http://127.0.0.1:9/" and "Back to Acme Scribe" in page.text
    assert (await acme.session(link))["state"] == "left"
    assert (await browser.open(f"/?token={link}")).heading == "You stopped connecting"


async def test_one_can_leave_in_the_middle_of_a_step_and_nothing_comes_of_it(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, link := await acme.link_token(), until="credentials")
    await sandbox.lab("faults", {"slow_ms": 500, "only_path": "/api/login", "times": 1})
    going = asyncio.create_task(Browser(client).submit(page, **GOOD))
    async with asyncio.timeout(10):
        while (await sandbox.lab("faults"))["times"]:
            await asyncio.sleep(0.01)
    async with connected(house) as same:
        same.cookies.update(client.cookies)
        assert (await Browser(same).submit(page, exit_of(page))).heading == "You stopped connecting"
    assert (await going).heading == "You stopped connecting"
    async with asyncio.timeout(10):
        while await sandbox.logins() == 0:
            await asyncio.sleep(0.01)
    assert (await acme.session(link))["state"] == "left"
    assert (await acme.call("GET", "/v1/accounts")).json()["accounts"] == []


async def test_a_user_with_an_open_org_searches_picks_and_changes_their_mind(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    await acme.link_token(org_id="larkspur", emr_instance_domain=sandbox.address)
    change = OrgChange(branding_name="Larkspur Pediatrics", place="O’Fallon, Núñez", listed=True)
    await house.developers.orgs.change(acme.record, "larkspur", change)
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    assert page.pane == "picker"
    search = next(form for form in page.forms if form.method == "get")
    assert "No match" in (await browser.submit(page, search, q="nowhere")).text
    for query in ("o'fallon", "nu\u0301n\u0303ez, O’Fallon ", "NUNEZ", "lark"):
        found = await browser.submit(page, search, q=query)
        assert "Larkspur Pediatrics" in found.text, query
    page = await browser.submit(found, pick=found.form.values("pick")[0])
    assert page.pane == "consent"
    page = await browser.submit(page, agree="yes")
    assert page.pane == "credentials" and "Larkspur" in page.text
    page = await browser.submit(page, next(form for form in page.forms if form.id == "change"))
    assert page.pane == "picker"
    page = await browser.submit(page, pick="ehr:sandbox")
    assert page.pane == "consent"
    assert (await go_on(browser, page, **GOOD)).pane == "done"


async def test_an_address_typed_by_hand_is_checked_before_anything_is_sent_there(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    page = await browser.open(f"{page.form.action}?manual=1")
    for url, status in (
        ("", 422),
        ("not an address", 422),
        ("ftp://127.0.0.1", 422),
        (str(client.base_url), 200),
        ("http://127.0.0.1:1", 200),
    ):
        page = await browser.submit(page, ehr="sandbox", url=url)
        assert (page.pane, page.status) == ("picker", status)
        assert page.title.startswith("Error:"), url
    page = await browser.submit(page, ehr="larkspur", url=sandbox.address)
    assert (page.pane, page.status) == ("picker", 422)
    page = await browser.submit(page, ehr="sandbox", url=sandbox.address)
    assert page.pane == "consent"


async def test_an_org_may_forbid_addresses(
    house: House, acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    link = await acme.link_token(org_id="strict", emr_name=None)
    await house.developers.orgs.change(acme.record, "strict", OrgChange(allowed_ehr_domains=["ehr.example"]))
    before = (await sandbox.counts())["requests"]
    page = await Browser(client).open(f"/?token={link}")
    page = await Browser(client).submit(page, pick="ehr:sandbox")
    assert page.pane == "picker" and "isn’t allowed here" in page.text
    assert (await sandbox.counts())["requests"] == before


async def test_a_pick_that_was_not_offered_is_asked_again(acme: Shop, client: httpx2.AsyncClient) -> None:
    page = await Browser(client).open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    for pick in ("ehr:gnuhealth", "ehr:nothing", "org:0", "nonsense", "org:"):
        page = await Browser(client).submit(page, pick=pick)
        assert (page.pane, page.status) == ("picker", 422), pick


async def test_another_apps_practice_cannot_be_picked(
    house: House, acme: Shop, rival: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:  # S-004
    await rival.link_token(org_id="theirs", emr_instance_domain=sandbox.address)
    change = OrgChange(branding_name="Secret Clinic", listed=True)
    connector_texts = await house.developers.orgs.change(rival.record, "theirs", change)
    page = await Browser(client).open(f"/?token={await acme.link_token(org_id='open', emr_name=None)}")
    search = next(form for form in page.forms if form.method == "get")
    assert "Secret Clinic" not in (await Browser(client).submit(page, search, q="secret")).text.replace("“secret”", "")
    assert (await Browser(client).submit(page, pick=f"org:{connector_texts.id}")).status == 422


async def test_the_language_can_be_switched_and_stays(acme: Shop, client: httpx2.AsyncClient) -> None:
    browser = Browser(client)
    page = await browser.open(f"/?token={await acme.link_token()}")
    assert 'lang="en"' in page.response.text
    page = await browser.open(f"{page.form.action}?lang=es")
    assert '<html lang="es"' in page.response.text and "lang=" not in urlsplit(page.url).query
    page = await browser.submit(page, agree="yes")
    assert '<html lang="es"' in page.response.text


# Where it ends ----------------------------------------------------------------------------------------------------


async def test_a_live_client_without_a_callback_never_shows_the_token_and_its_server_gets_it(
    house: House, client: httpx2.AsyncClient
) -> None:
    live = await shop(house, client, "Live", test=False, callback_urls=[])
    test = await shop(house, client, "Tries", callback_urls=[])
    page = await link_by_http(client, await test.link_token(user_id="t"))
    assert "pt_test_" in (await Browser(client).submit(page)).text
    link = await live.link_token(emr_name=None)
    # A live client sees no sandbox, so what a granted link session shows is looked at with the test client's.
    first = await Browser(client).open(f"/?token={link}")
    granted = await house.db.one("SELECT granted, ehr_user_name FROM link_sessions WHERE granted IS NOT NULL")
    assert granted is not None
    await house.db.run(
        "UPDATE link_sessions SET state = 'granted', settled_at = now(), granted = %(granted)s,"
        " ehr_user_name = %(ehr_user_name)s"
        " WHERE granted IS NULL",
        granted,
    )
    page = await Browser(client).open(path := f"/link/{(await session_row(house))['id']}")
    assert (page.heading, page.pane) == ("You’re connected", None) and "You can close this window." in page.text
    for headers in ({}, {"Accept": "application/json"}):
        headers |= {"Origin": Browser(client).origin}
        shown = await client.post(f"{path}/done", data={"csrf": first.form.fields["csrf"]}, headers=headers)
        assert shown.status_code == 200 and "pt_" not in shown.text
    assert (await live.session(link))["public_token"].startswith("pt_live_")


async def test_a_press_again_makes_a_new_token_and_the_one_before_stays_good_until_one_is_exchanged(
    acme: Shop, client: httpx2.AsyncClient
) -> None:
    page = await link_by_http(client, link := await acme.link_token())
    first, second = [public_token_of(await Browser(client).submit(page)) for _ in range(2)]
    third = (await acme.session(link))["public_token"]
    assert len({first, second, third}) == 3
    assert [(await acme.exchange(each)).status_code for each in (first, second, third)] == [200, 400, 400]
    assert not (await Browser(client).submit(page)).response.is_redirect


HOSTS = ["evil.example", "127.0.0.1:9@evil.example", "evil.example/http://127.0.0.1:9/linked", "evil.example#127.0.0.1"]
STARTS = ["https://", "http://", "//", "/\\", "\\\\", "///", "https:", "/%2f", "/.//", "%2f%2f", "\t//", " https://"]
URLS = [start + host for start in STARTS for host in HOSTS] + [
    "javascript:alert(1)",
    "data:text/html,x",
    "/\\/evil.example",
]
NAMES = ["url", "next", "redirect", "redirect_uri", "callback_url", "callback", "return_to", "state", "lang", "origin"]


async def test_no_address_in_a_request_decides_where_it_leads(acme: Shop, client: httpx2.AsyncClient) -> None:  # S-018
    page = await link_by_http(client, await acme.link_token(state="https://evil.example"))
    unused = await acme.link_token(user_id="another")
    path, headers = page.form.action.removesuffix("/done"), {"Origin": Browser(client).origin}
    allowed = {"", urlsplit(str(client.base_url)).netloc, urlsplit(CALLBACK).netloc}
    for url in URLS:
        more = dict.fromkeys(NAMES, url)
        answers = [await client.get(each, params=more) for each in ("/", path, f"{path}/exit")]
        answers += [await client.get(f"{each}/{quote(url, safe='')}") for each in ("", path, "/static")]
        answers += [await client.get("/", params=more | {"token": unused})]
        answers += [
            await client.post(each, params=more, data=page.form.fields | more, headers=headers)
            for each in (path, f"{path}/done", f"{path}/exit")
        ]
        for answer in answers:
            assert answer.status_code not in (301, 302, 307, 308)  # S-034
            where = urlsplit(answer.headers.get("location", ""))
            assert where.netloc in allowed and where.scheme in ("", "http"), (url, answer.headers)


def exit_of(page: Page) -> Form:
    """The form that leaves, with this page's hidden fields."""
    action = page.form.action if page.form.action.endswith("/exit") else f"{page.form.action}/exit"
    form = Form({"action": action, "method": "post"})
    form.fields = page.form.fields
    return form


async def test_a_step_that_takes_long_is_shown_as_slow_and_can_be_stopped(
    house: House, acme: Shop, client: httpx2.AsyncClient, clock: MovedClock, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), until="credentials")
    await sandbox.lab("faults", {"slow_ms": 4000, "only_path": "/api/login", "times": 1})
    headers = {"Origin": str(client.base_url).rstrip("/")}
    await client.post(page.form.action, data=page.form.fields | GOOD, headers=headers)
    await until_begun(house, "log_in")
    assert await shown_at_once(client, page.form.action, slow=False)
    clock.move(timedelta(seconds=21))
    assert await shown_at_once(client, page.form.action, slow=True)
    leaving = await Browser(client).open(f"{page.form.action}/exit")
    assert (await Browser(client).submit(leaving, stop="1")).heading == "You stopped connecting"


async def shown_at_once(http: httpx2.AsyncClient, address: str, *, slow: bool) -> bool:
    """Whether the working page begins so; what a script would bring later does not count."""
    async with http.stream("GET", address) as response:
        async for part in response.aiter_text():
            begun = part.partition("<ol")[0].partition("<template")[0]
            assert "Connecting to" in begun
            return ("Sandbox EHR</bdi> is slow right now" in begun) is slow
    return False
