"""What a user sees of the sandbox EHR's refusals, on the pages themselves."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.text_browser import Browser, go_on, link_by_http
from tests.support.world import Sandbox, Shop


async def test_a_new_code_too_soon_says_when_and_the_code_that_was_sent_still_works(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), "user_code", until="code")
    browser = Browser(client)
    page = await browser.submit(page, resend="1")
    assert page.pane == "code"
    assert "The last code was sent just now, and it still works. You can ask for another one in" in page.text
    page = await browser.submit(page, code="123456")
    assert page.pane == "done", page.text
    assert (await sandbox.counts())["texts_sent"] == 1


async def test_a_new_code_is_told_and_the_page_goes_on(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), "user_code", until="code")
    await sandbox.wait(31)
    page = await Browser(client).submit(page, resend="1")
    assert page.pane == "code" and "sent a new code to your phone ending in 34" in page.text
    assert (await sandbox.counts())["texts_sent"] == 2


async def test_no_to_the_phone_can_be_made_good(acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", {"push_plan": "deny", "push_after": 0.0})
    page = await link_by_http(client, await acme.link_token(), "user_push", until="waiting")
    browser = Browser(client)
    assert "You declined on your phone" in page.text and page.form.values("action") == ["resend", "other"]
    page = await browser.submit(page, action="check")  # no button says so; a push is sent only when it is asked for
    assert "You declined on your phone" in page.text and (await sandbox.counts())["pushes_sent"] == 1
    await sandbox.lab("users/user_push", {"push_plan": "approve"})
    page = await go_on(browser, await browser.submit(page, action="resend"), "user_push", "")
    assert page.pane == "done", page.text
    assert (await sandbox.counts())["pushes_sent"] == 2


@pytest.mark.parametrize(
    ("username", "heading", "ask"),
    [
        ("user_clinics", "Your clinic isn’t on the list", "works only at the clinics on the list"),
        ("user_choice", "You need one of these ways", "An administrator can set up another one"),
    ],
)
async def test_none_of_these_says_what_is_missing_and_whom_to_ask(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox, username: str, heading: str, ask: str
) -> None:
    page = await link_by_http(client, link := await acme.link_token(), username, until="choice")
    page = await Browser(client).submit(page, pick="none")
    assert (page.pane, page.heading) == ("message", heading)
    assert ask in page.text and "Your Sandbox EHR administrator" in page.text
    assert (await acme.session(link))["events"][-1]["code"] == "none_of_these"


async def test_rights_that_are_missing_are_named_as_the_ehr_names_them(
    acme: Shop, client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    page = await link_by_http(client, await acme.link_token(), password="error_no_rights", until="message")
    assert page.pane == "message" and "“Read the schedule” , “Read patients”" in page.text.replace("”,", "” ,"), (
        page.text
    )
