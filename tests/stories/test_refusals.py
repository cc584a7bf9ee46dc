"""Each refusal that the sandbox EHR gives on demand, as a person sees it, and the way on from there."""

import pytest

from cobalt_link.app import House
from tests.stories.conftest import Meet
from tests.stories.person import Person
from tests.support.world import Shop

PAGES = {
    "wrong_credentials": "Sign in to Sandbox EHR",
    "too_many_codes": "Too many wrong codes",
    "locked": "Sandbox EHR locked this account",
    "password_expired": "Sandbox EHR wants a new password first",
    "ehr_down": "Sandbox EHR isn’t answering",
    "ehr_busy": "Sandbox EHR asks us to wait",
    "declined": "You declined at Sandbox EHR",
    "no_rights": "Your Sandbox EHR account can’t do this",
    "unexpected": "Sandbox EHR sent an answer we don’t understand",
    "session_ended": "Sandbox EHR ended the session",
}


async def signing_in(app: Shop, meet: Meet, code: str) -> Person:
    dana = meet("user_good", f"error_{code}")
    await dana.open(await app.link_token())
    await dana.go_on("credentials")
    await dana.sign_in()
    return dana


@pytest.mark.parametrize("code", PAGES)
async def test_another_try_after_a_refusal_connects(acme: Shop, meet: Meet, code: str) -> None:
    dana = await signing_in(acme, meet, code)
    assert dana.page.heading == PAGES[code]
    assert f"error_{code}" not in dana.page.response.text  # the password
    if dana.page.pane == "message":
        await dana.press("again")
    assert (dana.page.pane, dana.page.form.fields["username"]) == ("credentials", "user_good")
    assert (await dana.sign_in("pass_good")).pane == "done"
    assert (await acme.exchange((await dana.return_to_app())["token"])).status_code == 200


@pytest.mark.parametrize(
    ("code", "says"), [("wrong_code", "That code didn’t match"), ("code_expired", "That code has expired")]
)
async def test_a_code_that_is_refused_may_be_typed_again_or_sent_anew(
    acme: Shop, meet: Meet, code: str, says: str
) -> None:
    dana = await signing_in(acme, meet, code)
    assert says in (await dana.type(code="123456")).text
    assert (dana.page.pane, dana.page.form.buttons) == ("code", [("resend", "1")])


@pytest.mark.parametrize(
    ("code", "says"), [("push_denied", "You declined on your phone"), ("push_expired", "Nobody answered in time")]
)
async def test_an_approval_that_did_not_come_may_be_sent_again(acme: Shop, meet: Meet, code: str, says: str) -> None:
    dana = await signing_in(acme, meet, code)
    assert dana.page.pane == "waiting"
    while ("action", "check") in dana.page.form.buttons:
        await dana.press("check")
    assert says in dana.page.text
    assert dana.page.form.buttons == [("action", "resend")]


async def test_what_nothing_can_mend_leads_back_to_the_app(acme: Shop, meet: Meet) -> None:
    dana = await signing_in(acme, meet, "unsupported")
    assert dana.page.heading == "We can’t connect to Sandbox EHR yet"
    assert "smart card" in dana.page.text
    assert dana.page.form.buttons == [("action", "ask"), ("stop", "back")]
    await dana.press("ask")
    assert dana.page.form.buttons == [("stop", "back")]


async def test_where_the_ehr_is_silent_the_page_says_when_it_last_answered_anybody(
    house: House, acme: Shop, rival: Shop, meet: Meet
) -> None:
    first = await signing_in(acme, meet, "ehr_down")
    assert "isn’t answering" in first.page.heading and "Last worked" not in first.page.text
    await meet().link(await rival.link_token())
    later = await signing_in(acme, meet, "ehr_down")
    assert "Last worked just now" in later.page.text


async def test_a_forgotten_password_is_reset_at_the_ehr(acme: Shop, meet: Meet) -> None:
    dana = await signing_in(acme, meet, "wrong_credentials")
    assert any(link.endswith("/forgotten") for link in dana.page.links)
    assert (await dana.sign_in("pass_good")).pane == "done"
