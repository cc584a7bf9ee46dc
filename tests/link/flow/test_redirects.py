"""The user signs in on the EHR's own page: how the browser goes there, and which return is taken as an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest

from cobalt_link.app import House
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.connector.refusals import Declined
from tests.link.conftest import session_row
from tests.link.flow.test_runner import the_connector
from tests.support.text_browser import Browser, Page, link_by_http
from tests.support.world import Shop, connected

AUTHORIZE = "https://login.northlake.example/authorize?response_type=code&client_id=cobalt"
TOKEN = "the-bearer-token-of-ann"
STATE = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits; some servers cut a state at other characters
Params = Mapping[str, str]


class Northlake:
    """A sign-in that sends its user to an authorization server, and keeps what came of it."""

    def __init__(self) -> None:
        self.answers: list[RedirectAnswer] = []

    async def __call__(self, ask: Ask, instance: EhrInstance) -> Grant:
        answer = await ask.redirect(AUTHORIZE, registration="northlake")
        if answer.error:
            raise Declined
        code = await ask.once("exchange", self.exchange, answer)
        return Grant(user=EhrUser(id=code, username="ann"), session={"access_token": TOKEN})

    async def exchange(self, answer: RedirectAnswer) -> str:
        assert answer.code is not None
        self.answers.append(answer)
        return answer.code.reveal()


@pytest.fixture
def northlake(house: House) -> Northlake:
    sign_in = Northlake()
    the_connector(house).sign_in = sign_in  # type: ignore[method-assign]
    return sign_in


async def leave(http: httpx2.AsyncClient, page: Page, **more: str) -> tuple[str, Params]:
    """Presses "Go to …". Returns the address that the browser is sent to, and its parameters."""
    headers = {"Origin": str(http.base_url).rstrip("/")}
    response = await http.post(page.form.action, data=page.form.fields | more, headers=headers)
    assert response.status_code == 200, response.text
    url = Page(response).refresh or ""
    return url, {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def callback(state: str, registration: str = "northlake", **more: str) -> httpx2.URL:
    return httpx2.URL(f"/oauth/callback/{registration}", params={"state": state} | more)


async def at_the_pane(acme: Shop, http: httpx2.AsyncClient) -> Page:
    return await link_by_http(http, await acme.link_token(), until="redirect")


async def test_the_browser_goes_to_the_ehr_and_comes_back_linked(
    acme: Shop, client: httpx2.AsyncClient, northlake: Northlake
) -> None:
    page = await at_the_pane(acme, client)
    assert page.heading == "Continue at Sandbox EHR"
    assert "northlake.<wbr>example" in page.response.text
    url, params = await leave(client, page)
    assert url.startswith(AUTHORIZE)
    assert STATE.fullmatch(params["state"])  # S-019
    address = str(callback(params["state"], code="c-1", iss="https://login.northlake.example"))
    page = await Browser(client).open(address)
    assert page.heading == "You’re connected"
    assert [each.issuer for each in northlake.answers] == ["https://login.northlake.example"]
    # A reload of the callback address sends nothing to anybody.
    assert "Go back to the page you started on" in (await Browser(client).open(address)).text
    assert len(northlake.answers) == 1


async def test_only_the_browser_that_went_comes_back_once_and_to_its_own_registration(
    house: House, acme: Shop, client: httpx2.AsyncClient, northlake: Northlake
) -> None:
    # S-019, S-022, S-024
    page = await at_the_pane(acme, client)
    first, second = [(await leave(client, page))[1]["state"] for _ in range(2)]
    assert first != second
    async with connected(house) as stranger:
        cookies = [(each.name, each.value) for each in client.cookies.jar if "cobalt_r" not in each.name]
        for name, value in cookies:
            stranger.cookies.set(name, value or "")  # all but the one of the window that went to the EHR
        wrong = [
            (stranger, callback(first, code="stolen")),
            (client, callback(first, "another", code="mixed-up")),
            (client, callback(first[:-1] + ("A" if first[-1] != "A" else "B"), code="altered")),
            (client, callback("", code="missing")),
            (client, httpx2.URL("/oauth/callback/northlake", params={"code": "no state at all"})),
        ]
        for http, address in wrong:
            said = await http.get(address)
            assert (said.status_code, "Nothing was shared" in said.text) == (403, True), address
    assert (await session_row(house))["state"] == "waiting" and northlake.answers == []
    # Two windows went there: either may come back, and the other finds that its pane was answered.
    assert (await Browser(client).open(str(callback(second, code="c-2")))).heading == "You’re connected"
    assert (await client.get(callback(first, code="late"))).status_code in (200, 403)
    assert len(northlake.answers) == 1


async def test_a_state_and_a_code_rest_nowhere_in_the_clear(
    house: House, acme: Shop, client: httpx2.AsyncClient, northlake: Northlake
) -> None:
    page = await at_the_pane(acme, client)
    _, params = await leave(client, page)
    secret = next(each.value for each in client.cookies.jar if "cobalt_r" in each.name)
    trips = str(await house.db.rows("SELECT t::text FROM link_redirects t"))
    await Browser(client).open(str(callback(params["state"], code="c-secret")))
    rows = await house.db.rows(
        "SELECT t::text FROM link_sessions t UNION ALL SELECT t::text FROM journal t UNION ALL"
        " SELECT t::text FROM link_events t"
    )
    for text in (params["state"], secret or "-", "c-secret", TOKEN, msgspec.json.encode(params["state"]).hex()):
        assert text not in trips + str(rows)
    cookies = [each.value or "" for each in client.cookies.jar]
    assert cookies and not [each for each in cookies if "c-secret" in each or TOKEN in each]
    assert await house.db.rows("SELECT FROM link_redirects") == []


async def test_nothing_that_comes_back_decides_where_the_browser_goes(
    acme: Shop, client: httpx2.AsyncClient, northlake: Northlake
) -> None:
    # S-018
    evil = ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)")
    names = ("redirect_uri", "next", "url", "return_to", "error_uri", "iss")
    page = await at_the_pane(acme, client)
    states = [(await leave(client, page))[1]["state"] for _ in evil]
    for url, state in zip(evil, states, strict=True):
        for given in (url, state):
            answer = await client.get(callback(given, error="access_denied", **dict.fromkeys(names, url)))
            assert answer.status_code in (200, 403) and "location" not in answer.headers, url
            assert "evil.example" not in answer.text and "alert(1)" not in answer.text, url
    assert northlake.answers == []


async def test_a_refusal_at_the_ehr_is_told_and_asked_again(
    acme: Shop, client: httpx2.AsyncClient, northlake: Northlake
) -> None:
    page = await at_the_pane(acme, client)
    _, params = await leave(client, page)
    page = await Browser(client).open(str(callback(params["state"], error="access_denied", code="never-used")))
    assert page.pane == "message" and northlake.answers == []
    page = await Browser(client).submit(page, action="again")
    assert page.pane == "redirect"
    _, params = await leave(client, page)
    assert (await Browser(client).open(str(callback(params["state"])))).pane == "message"  # neither code nor error


async def test_a_window_beside_a_frame_needs_the_frames_own_form(
    house: House, acme: Shop, client: httpx2.AsyncClient, northlake: Northlake
) -> None:
    # S-024: somebody who is sent a form with another's secret in it goes nowhere.
    page = await at_the_pane(acme, client)
    secret = next(each.value for each in client.cookies.jar)
    fields = page.form.fields | {"framed": "1", "secret": secret or ""}
    async with connected(house) as window:
        for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
            said = await window.post(page.form.action, data=fields, headers=foreign)
            assert said.status_code == 403 and not window.cookies, foreign
        own = {"Sec-Fetch-Site": "same-origin"}
        assert (await window.post(page.form.action, data=fields | {"secret": "x"}, headers=own)).status_code == 403
        went = await window.post(page.form.action, data=fields, headers=own)
        assert went.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        [state] = parse_qs(urlsplit(Page(went).refresh or "").query)["state"]
        back = await window.get(callback(state, code="c-1"))
        assert back.status_code == 200 and "You can close this window" in back.text
    assert (await Browser(client).open(page.url)).heading == "You’re connected"
