"""The pages for people: complete without JavaScript, labeled as made up, and safe from other sites."""

import re
from collections.abc import AsyncGenerator
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from httpx2 import AsyncClient, Response

from sandbox_ehr.login.sandbox_logins import LOGINS, Login
from sandbox_ehr.refusals import ERROR_CODES
from tests.sandbox_ehr.chart_cases import PATIENT
from tests.support.sandbox_client import SandboxClient


class Page(HTMLParser):
    """A page's text, its links and forms, and whatever a strict CSP would forbid."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.forms: list[tuple[str, dict[str, list[str]]]] = []
        self.forbidden: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.forbidden += [name for name in values if name == "style" or name.startswith("on")]
        self.forbidden += [tag] * (tag in ("script", "style", "iframe"))
        if tag == "form":
            self.forms.append((values.get("action") or "", {}))
        name = values.get("name")
        if tag in ("input", "button") and name:
            self.forms[-1][1].setdefault(name, []).append(values.get("value") or "")
        if tag == "a":
            self.links.append(values["href"] or "")

    def handle_data(self, data: str) -> None:
        self.text = f"{self.text} {data.strip()}".strip()


class Browser:
    """A browser without JavaScript. It keeps cookies, follows redirects, and posts the forms that a page has."""

    def __init__(self, http: AsyncClient) -> None:
        self.http, self.response = http, Response(200)

    @property
    def page(self) -> Page:
        return Page(self.response.text)

    async def open(self, path: str) -> Page:
        self.response = await self.http.get(path, follow_redirects=True)
        return self.page

    async def send(self, action: str, **typed: str) -> Page:
        """Fill in and send the page's first form with that action."""
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
async def browser(ehr: SandboxClient, address: str) -> AsyncGenerator[Browser, None]:
    await ehr.lab("clock", {"now": "2026-11-24T10:42:00-05:00", "frozen": True})
    async with AsyncClient(base_url=address, trust_env=False, verify=False) as http:
        yield Browser(http)


async def test_the_front_page_lists_every_login_and_every_error(browser: Browser) -> None:
    text = (await browser.open("/")).text
    assert "made-up patients" in text
    for login in LOGINS:
        assert login.account.username in text
        assert login.description in text
    for code in ERROR_CODES:
        assert f"error_{code}" in text


async def test_a_person_signs_in_and_sees_todays_schedule_and_the_patients(
    browser: Browser, ehr: SandboxClient
) -> None:
    page = await browser.log_in("user_good")
    assert "Today, Tuesday, November 24, 2026" in page.text
    assert "made-up patients" in page.text
    session = await ehr.session()
    visits = await ehr.read("appointments", session, start="2026-11-24", end="2026-11-24")
    assert f"{visits['total']} visits" in page.text
    for visit in visits["appointments"]:
        assert visit["patient"]["mrn"] in page.text
    assert "1–25 of 300" in (await browser.open("/patients")).text
    found = await browser.open("/patients?q=bellweather")
    assert "1–1 of 1" in found.text
    assert "R490002" in found.text
    await browser.send("/sign-out")
    assert "Sandbox logins" in (await browser.open("/schedule")).text


@pytest.mark.parametrize("login", LOGINS[:5], ids=lambda login: login.account.username)
async def test_each_login_leads_through_its_steps_to_the_schedule(
    browser: Browser, ehr: SandboxClient, login: Login
) -> None:
    page = await browser.log_in(login.account.username)
    for _ in range(4):
        actions = [action for action, _ in page.forms]
        if "/sign-in/way" in actions:
            page = await browser.send("/sign-in/way", way="email")
        elif "/sign-in/code" in actions:
            page = await browser.send("/sign-in/code", code="123456")
        elif "/sign-in/push" in actions:
            assert re.search(r"Choose \d\d there", page.text)
            await ehr.lab("clock", {"advance": 5, "frozen": True})
            page = await browser.send("/sign-in/push")
        elif "/sign-in/clinic" in actions:
            page = await browser.send("/sign-in/clinic", clinic="3")
    assert "November 24, 2026" in page.text
    assert ("Harbor Heart" in page.text) == (login.account.username == "user_clinics")


async def test_a_wrong_code_shows_the_step_again_and_the_user_can_get_a_new_code(
    browser: Browser, ehr: SandboxClient
) -> None:
    await browser.log_in("user_code")
    page = await browser.send("/sign-in/code", code="000000")
    assert "does not match" in page.text
    assert "4 tries left" in page.text
    page = await browser.send("/sign-in/resend")
    assert "Try again in 30 seconds" in page.text
    await ehr.wait(31)
    await browser.send("/sign-in/resend")
    assert "Today" in (await browser.send("/sign-in/code", code="123456")).text


async def test_the_last_try_is_announced_in_the_singular(browser: Browser) -> None:
    for _ in range(4):
        page = await browser.log_in("user_good", "wrong")
    assert "1 try left." in page.text


async def test_a_page_that_does_not_exist_is_refused_in_a_sentence(browser: Browser) -> None:
    page = await browser.open("/nothing")
    assert browser.response.status_code == 404
    assert "There is nothing at this address." in page.text
    assert "/" in page.links


async def test_a_denied_push_can_be_sent_again(browser: Browser, ehr: SandboxClient) -> None:
    await ehr.lab("users/user_push", {"push_plan": "deny", "push_after": 0})
    await browser.log_in("user_push")
    assert "denied" in (await browser.send("/sign-in/push")).text
    await ehr.lab("users/user_push", {"push_plan": "approve"})
    await browser.send("/sign-in/resend")
    assert "Today" in (await browser.send("/sign-in/push")).text


async def test_a_person_changes_an_expired_password_and_signs_in_with_the_new_one(
    browser: Browser, ehr: SandboxClient
) -> None:
    page = await browser.log_in("user_expired")
    assert "/password" in page.links
    await browser.open("/password")
    page = await browser.send("/password", username="user_expired", password="pass_good", new_password="short")
    assert "8 characters" in page.text
    page = await browser.send("/password", username="user_expired", password="pass_good", new_password="pass_better")
    assert "The new password works now" in page.text
    assert "Today" in (await browser.send("/sign-in", username="user_expired", password="pass_better")).text
    assert await ehr.session("user_expired", "pass_better")


async def test_the_page_says_wrong_password_or_locked_and_keeps_the_username(browser: Browser) -> None:
    page = await browser.log_in("user_good", "wrong")
    assert "4 tries left" in page.text
    assert 'value="user_good"' in browser.response.text
    assert "wrong" not in re.sub("password is wrong|wrong_c", "", browser.response.text)
    assert "Only an administrator can unlock it" in (await browser.log_in("user_locked")).text


async def test_no_error_on_demand_crashes_the_pages(browser: Browser) -> None:
    for code in ERROR_CODES:
        await browser.log_in("anybody", f"error_{code}")
        if any(action == "/sign-in/code" for action, _ in browser.page.forms):
            await browser.send("/sign-in/code", code="123456")
        if any(action == "/sign-in/push" for action, _ in browser.page.forms):
            await browser.send("/sign-in/push")
        assert browser.response.headers["content-type"].startswith(("text/html", "application/json")), code
        assert browser.response.status_code != 500, code
        browser.http.cookies.clear()


async def test_a_person_can_go_to_the_next_day_and_an_invalid_date_shows_today(browser: Browser) -> None:
    page = await browser.log_in("user_good")
    later = next(link for link in page.links if link == "/schedule?date=2026-11-25")
    assert "Wednesday, November 25, 2026" in (await browser.open(later)).text
    for odd in ("nonsense", "2026-13-01", ""):
        assert "Today" in (await browser.open(f"/schedule?date={odd}")).text
    for end in ("0001-01-01", "9999-12-31"):
        assert "No visits on this day" in (await browser.open(f"/schedule?date={end}")).text
    for odd in ("page=x", "page=-5", "page=999999999999", "q=%25%3Cscript%3E"):
        await browser.open(f"/patients?{odd}")
        assert browser.response.status_code == 200
        assert "<script" not in browser.response.text


async def test_the_page_of_a_patient_shows_what_was_written(browser: Browser, ehr: SandboxClient) -> None:
    session = await ehr.session()
    path = f"/patients/{PATIENT}"
    about = {"patient_id": PATIENT}
    place = {"provider_id": "501", "location_id": "101"}
    visit = await ehr.make("appointments", session, **about, **place, type="FU", start="2026-11-24T08:05:00-05:00")
    await ehr.make("notes", session, visit_id=visit["id"], text="Better <b>today</b>\nand tomorrow", icd10=["I10"])
    await ehr.make("patient-notes", session, **about, location_id="101", subject="Wish", text="No calls")
    await ehr.make("tasks", session, **about, subject="Fax it", description="To the school", assigned_to="u1")
    await ehr.make("insurances", session, **about, payer_id="P021", member_id="zz9", rank=3)
    files = {"file": ("scan <1>.html", b"<script>alert(1)</script>", "text/html")}
    headers = {"Authorization": f"Bearer {session}"}
    form = {**about, "folder_id": "F1"}
    document = (await ehr.http.post("/api/documents", data=form, files=files, headers=headers)).json()["document"]
    await browser.log_in("user_good")
    assert path in (await browser.open("/patients?q=Whitlock")).links
    page = await browser.open(path)
    written = (
        "8:05 AM, Follow-up (in person)",
        "Better <b>today</b>\nand tomorrow",
        "Not signed",
        "No calls",
        "Fax it",
    )
    for text in (*written, "ZZ9", "scan <1>.html", "R490001"):
        assert text in page.text
    assert f"/documents/{document['id']}" in page.links
    await browser.open(f"/documents/{document['id']}")
    assert browser.response.content == b"<script>alert(1)</script>"
    assert browser.response.headers["content-disposition"].startswith("attachment;")
    await browser.open("/patients/99")
    assert browser.response.status_code == 404


async def test_the_page_of_a_patient_shows_only_what_the_person_may_read(browser: Browser, ehr: SandboxClient) -> None:
    await ehr.lab("users/user_good", {"rights": ["patients.read"]})
    await browser.log_in("user_good")
    page = await browser.open(f"/patients/{PATIENT}")
    assert "R490001" in page.text
    for heading in ("Visits", "Notes", "Documents", "Insurance", "Claims"):
        assert heading not in page.text
    await browser.open("/documents/D1")
    assert browser.response.status_code == 403
    await ehr.lab("users/user_good", {"rights": ["schedule.read"]})
    browser.http.cookies.clear()
    page = await browser.log_in("user_good")
    assert f"/patients/{PATIENT}" not in str(page.links)
    await browser.open(f"/patients/{PATIENT}")
    assert browser.response.status_code == 403
    browser.http.cookies.clear()
    assert "Sandbox logins" in (await browser.open(f"/patients/{PATIENT}")).text


async def test_no_page_has_a_script_an_inline_style_or_anything_from_another_host(browser: Browser) -> None:
    for path in ("/", "/password", "/schedule", "/patients", "/patients/10001", "/nothing"):
        if path == "/schedule":
            await browser.log_in("user_good")
        page = await browser.open(path)
        assert page.forbidden == []
        assert "://" not in browser.response.text
        assert "frame-ancestors 'none'" in browser.response.headers["content-security-policy"]


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_a_form_of_another_site_is_refused(ehr: SandboxClient, headers: dict[str, str]) -> None:
    login = {"username": "user_good", "password": "pass_good"}
    response = await ehr.http.post("/sign-in", data=login, headers=headers)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


async def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(ehr: SandboxClient, address: str) -> None:
    login = {"username": "user_good", "password": "pass_good"}
    response = await ehr.http.post("/sign-in", data=login, headers={"Origin": address})
    assert response.status_code == 303
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
