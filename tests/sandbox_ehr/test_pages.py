"""What a person sees: complete without JavaScript, labelled as made up, safe from other sites."""

import re
from collections.abc import AsyncGenerator
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from httpx2 import AsyncClient, Response

from sandbox_ehr.login.sandbox_logins import LOGINS
from sandbox_ehr.refusals import ERROR_CODES
from tests.sandbox_ehr.sandbox_client import Desk


class Page(HTMLParser):
    """A page's words, links, forms, and whatever a strict CSP would forbid."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.forms, self.forbidden, self.links = "", [], [], []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.forbidden += [name for name in values if name == "style" or name.startswith("on")]
        self.forbidden += [tag] * (tag in ("script", "style", "iframe"))
        if tag == "form":
            self.forms.append((values.get("action"), {}))
        if tag in ("input", "button") and values.get("name"):
            self.forms[-1][1].setdefault(values["name"], []).append(values.get("value") or "")
        if tag == "a":
            self.links.append(values["href"])

    def handle_data(self, data: str) -> None:
        self.words = f"{self.words} {data.strip()}".strip()


class Browser:
    """A browser without JavaScript: keeps cookies, follows redirects, posts the forms it is shown."""

    def __init__(self, http: AsyncClient) -> None:
        self.http, self.response = http, Response(200)

    @property
    def page(self) -> Page:
        return Page(self.response.text)

    async def open(self, path: str) -> Page:
        self.response = await self.http.get(path, follow_redirects=True)
        return self.page

    async def send(self, action: str, **typed: str) -> Page:
        """Fill in and send the first form with that action on the page."""
        fields = next(fields for target, fields in self.page.forms if target == action)
        values = {name: given[0] for name, given in fields.items()}
        assert typed.keys() <= values.keys()
        for name, given in fields.items():
            assert len(given) == 1 or typed.get(name) in given
        url = urljoin(str(self.http.base_url), action)
        headers = {"Sec-Fetch-Site": "same-origin"}
        self.response = await self.http.post(url, data=values | typed, headers=headers, follow_redirects=True)
        return self.page

    async def log_in(self, username: str, password: str = "pass_good") -> Page:
        await self.open("/")
        return await self.send("/sign-in", username=username, password=password)


@pytest.fixture
async def browser(desk: Desk, address: str) -> AsyncGenerator[Browser, None]:
    await desk.lab("clock", {"now": "2026-11-24T10:42:00-05:00", "frozen": True})
    async with AsyncClient(base_url=address, trust_env=False) as http:
        yield Browser(http)


async def test_the_front_page_lists_every_login_and_every_error(browser: Browser):
    words = (await browser.open("/")).words
    assert "made-up patients" in words
    for login in LOGINS:
        assert login.account.username in words
        assert login.description in words
    for code in ERROR_CODES:
        assert f"error_{code}" in words


async def test_a_person_signs_in_and_sees_todays_schedule_and_the_patients(browser: Browser, desk: Desk):
    page = await browser.log_in("user_good")
    assert "Today, Tuesday, November 24, 2026" in page.words
    assert "made-up patients" in page.words
    session = await desk.session()
    visits = await desk.read("appointments", session, start="2026-11-24", end="2026-11-24")
    assert f"{visits['total']} visits" in page.words
    for visit in visits["appointments"]:
        assert visit["patient"]["mrn"] in page.words
    assert "1–25 of 52" in (await browser.open("/patients")).words
    found = await browser.open("/patients?q=bellweather")
    assert "1–1 of 1" in found.words
    assert "R490002" in found.words
    await browser.send("/sign-out")
    assert "Sandbox logins" in (await browser.open("/schedule")).words


@pytest.mark.parametrize("login", LOGINS[:5], ids=lambda login: login.account.username)
async def test_a_login_of_the_list_is_one_press_and_leads_through_its_steps(browser: Browser, desk: Desk, login):
    page = await browser.log_in(login.account.username)
    for _ in range(4):
        actions = [action for action, _ in page.forms]
        if "/sign-in/way" in actions:
            page = await browser.send("/sign-in/way", way="email")
        elif "/sign-in/code" in actions:
            page = await browser.send("/sign-in/code", code="123456")
        elif "/sign-in/push" in actions:
            assert re.search(r"Choose \d\d there", page.words)
            await desk.lab("clock", {"advance": 5, "frozen": True})
            page = await browser.send("/sign-in/push")
        elif "/sign-in/clinic" in actions:
            page = await browser.send("/sign-in/clinic", clinic="3")
    assert "November 24, 2026" in page.words
    assert ("Harbor Heart" in page.words) == (login.account.username == "user_clinics")


async def test_a_wrong_code_shows_the_step_again_and_a_new_code_can_be_sent(browser: Browser, desk: Desk):
    await browser.log_in("user_code")
    page = await browser.send("/sign-in/code", code="000000")
    assert "does not match" in page.words
    assert "4 tries left" in page.words
    page = await browser.send("/sign-in/resend")
    assert "Try again in 30 seconds" in page.words
    await desk.wait(31)
    await browser.send("/sign-in/resend")
    assert "Today" in (await browser.send("/sign-in/code", code="123456")).words


async def test_a_denied_push_can_be_sent_again(browser: Browser, desk: Desk):
    await desk.lab("users/user_push", {"push_plan": "deny", "push_after": 0})
    await browser.log_in("user_push")
    assert "denied" in (await browser.send("/sign-in/push")).words
    await desk.lab("users/user_push", {"push_plan": "approve"})
    await browser.send("/sign-in/resend")
    assert "Today" in (await browser.send("/sign-in/push")).words


async def test_a_person_changes_an_expired_password_and_signs_in_with_the_new_one(browser: Browser, desk: Desk):
    page = await browser.log_in("user_expired")
    assert "/password" in page.links
    await browser.open("/password")
    page = await browser.send("/password", username="user_expired", password="pass_good", new_password="short")
    assert "8 characters" in page.words
    page = await browser.send("/password", username="user_expired", password="pass_good", new_password="pass_better")
    assert "The new password works now" in page.words
    assert "Today" in (await browser.send("/sign-in", username="user_expired", password="pass_better")).words
    assert await desk.session("user_expired", "pass_better")


async def test_a_wrong_password_and_a_lock_are_said_and_what_was_typed_is_kept(browser: Browser):
    page = await browser.log_in("user_good", "wrong")
    assert "4 tries left" in page.words
    assert 'value="user_good"' in browser.response.text
    assert "wrong" not in re.sub("password is wrong|wrong_c", "", browser.response.text)
    assert "Only an administrator can unlock it" in (await browser.log_in("user_locked")).words


async def test_every_error_on_demand_is_a_page_and_no_crash(browser: Browser):
    for code in ERROR_CODES:
        await browser.log_in("anybody", f"error_{code}")
        if any(action == "/sign-in/code" for action, _ in browser.page.forms):
            await browser.send("/sign-in/code", code="123456")
        if any(action == "/sign-in/push" for action, _ in browser.page.forms):
            await browser.send("/sign-in/push")
        assert browser.response.headers["content-type"].startswith(("text/html", "application/json")), code
        assert browser.response.status_code != 500, code
        browser.http.cookies.clear()


async def test_days_can_be_turned_and_odd_dates_show_today(browser: Browser):
    page = await browser.log_in("user_good")
    later = next(link for link in page.links if link == "/schedule?date=2026-11-25")
    assert "Wednesday, November 25, 2026" in (await browser.open(later)).words
    for odd in ("nonsense", "2026-13-01", ""):
        assert "Today" in (await browser.open(f"/schedule?date={odd}")).words
    for end in ("0001-01-01", "9999-12-31"):
        assert "No visits on this day" in (await browser.open(f"/schedule?date={end}")).words
    for odd in ("page=x", "page=-5", "page=999999999999", "q=%25%3Cscript%3E"):
        await browser.open(f"/patients?{odd}")
        assert browser.response.status_code == 200
        assert "<script" not in browser.response.text


async def test_no_page_has_a_script_a_style_or_anything_of_another_host(browser: Browser):
    for path in ("/", "/password", "/schedule", "/patients", "/nothing"):
        if path == "/schedule":
            await browser.log_in("user_good")
        page = await browser.open(path)
        assert page.forbidden == []
        assert "://" not in browser.response.text
        assert "frame-ancestors 'none'" in browser.response.headers["content-security-policy"]


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_a_form_of_another_site_is_refused(desk: Desk, headers: dict[str, str]):
    login = {"username": "user_good", "password": "pass_good"}
    response = await desk.http.post("/sign-in", data=login, headers=headers)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


async def test_the_browsers_session_is_out_of_reach_of_scripts_and_other_sites(desk: Desk, address: str):
    login = {"username": "user_good", "password": "pass_good"}
    response = await desk.http.post("/sign-in", data=login, headers={"Origin": address})
    assert response.status_code == 303
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
