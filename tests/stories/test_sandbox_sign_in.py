"""Every login of the sandbox EHR by a plain HTTP client: what goes wrong on the way, and the schedule at its end."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.stories.conftest import Meet
from tests.stories.person import Person
from tests.support.world import Sandbox, Shop


async def schedule(app: Shop, access_token: str) -> list[dict[str, Any]]:
    today = datetime.now(UTC).date().isoformat()
    days = {"start_date": today, "end_date": today}
    answer = await app.call("GET", "/v1/appointments", params=days, access_token=access_token)
    assert answer.status_code == 200, answer.text
    return answer.json()["appointments"]


async def opens_the_schedule(app: Shop, person: Person) -> list[dict[str, Any]]:
    """The end of every story: back in the app, whose server exchanges the token and reads."""
    answer = (await app.exchange((await person.return_to_app())["token"])).json()
    assert answer["success"], answer
    found = await schedule(app, answer["token"])
    assert found
    return found


async def test_a_password_is_enough_for_user_good(acme: Shop, meet: Meet, sandbox: Sandbox) -> None:
    dana = meet("user_good")
    assert (await dana.open(await acme.link_token())).pane == "consent"
    assert "Acme Scribe" in dana.page.text
    assert (await dana.press("yes")).pane == "credentials"
    assert sandbox.address.removeprefix("http://") in dana.page.text.replace(" ", "")  # who gets the password
    assert (await dana.sign_in("a wrong one")).heading == "Sign in to Sandbox EHR"
    assert "Wrong username or password" in dana.page.text
    assert dana.page.form.fields["username"] == "user_good" and not dana.page.form.fields["password"]
    assert (await dana.sign_in()).heading == "You’re connected"
    await opens_the_schedule(acme, dana)
    assert await sandbox.logins() == 2


async def test_a_username_is_understood_and_a_password_reaches_the_ehr_byte_for_byte(
    acme: Shop, meet: Meet, sandbox: Sandbox
) -> None:
    password = '" ｐａｓｓ\u200b１٢’e\u0301 "'
    await sandbox.lab("users/dr_ann", {"password": password})
    ann = meet("\ufeffｄｒ＿ａｎｎ\u200b ", password)
    await ann.open(await acme.link_token())
    await ann.go_on()
    await opens_the_schedule(acme, ann)
    assert await sandbox.logins() == 1


async def test_user_code_mistypes_the_code_and_has_it_sent_again(acme: Shop, meet: Meet, sandbox: Sandbox) -> None:
    cody = meet("user_code")
    await cody.open(await acme.link_token())
    await cody.go_on("code")
    assert "34" in cody.page.text  # the phone that it went to
    assert "didn’t match" in (await cody.type(code="000000")).text
    await sandbox.wait(31)
    assert "new code" in (await cody.press("1")).text
    assert (await sandbox.counts())["texts_sent"] == 2
    assert (await cody.type(code="123 456")).pane == "done"
    await opens_the_schedule(acme, cody)
    assert await sandbox.logins() == 1


async def test_user_code_lets_the_code_end_and_takes_a_new_one(acme: Shop, meet: Meet, sandbox: Sandbox) -> None:
    cody = meet("user_code")
    await cody.open(await acme.link_token())
    await cody.go_on("code")
    await sandbox.wait(301)
    assert "has expired" in (await cody.type(code="123456")).text
    assert (await cody.press("1")).pane == "code"
    assert (await cody.type(code="\u202a١٢٣ ٤٥٦\u202c")).pane == "done"  # as an Arabic keyboard writes it
    await opens_the_schedule(acme, cody)


@pytest.mark.parametrize(("way", "sent"), [("text", "texts_sent"), ("email", "emails_sent"), ("app", None)])
async def test_user_choice_chooses_how_to_get_the_code(
    acme: Shop, meet: Meet, sandbox: Sandbox, way: str, sent: str | None
) -> None:
    charlie = meet("user_choice")
    await charlie.open(await acme.link_token())
    await charlie.go_on("choice")
    assert (await charlie.press(way)).pane == "code"
    counts = await sandbox.counts()
    assert {name for name in ("texts_sent", "emails_sent") if counts[name]} == ({sent} if sent else set())
    assert (await charlie.type(code="123456")).pane == "done"
    await opens_the_schedule(acme, charlie)


async def test_user_push_says_no_by_mistake_and_has_it_sent_again(acme: Shop, meet: Meet, sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", {"push_plan": "deny", "push_after": 0.0})
    pia = meet("user_push")
    await pia.open(await acme.link_token())
    await pia.go_on("credentials")
    await pia.sign_in()
    while pia.page.form.values("action")[0] == "check":
        await pia.press("check")
    assert "declined on your phone" in pia.page.text
    await sandbox.lab("users/user_push", {"push_plan": "approve"})
    await pia.press("resend")
    await pia.go_on()
    assert (await sandbox.counts())["pushes_sent"] == 2
    await opens_the_schedule(acme, pia)


async def test_user_clinics_gets_the_schedule_of_the_clinic_that_was_chosen(
    acme: Shop, meet: Meet, sandbox: Sandbox
) -> None:
    seen = {}
    for clinic in ("1", "3"):
        tri = meet("user_clinics")
        await tri.open(await acme.link_token())
        await tri.go_on("choice")
        assert (await tri.press(clinic)).pane == "done"
        seen[clinic] = {each["ehr_appointment_id"] for each in await opens_the_schedule(acme, tri)}
    assert seen["1"].isdisjoint(seen["3"])


async def test_user_locked_is_unlocked_by_somebody_and_tries_again(acme: Shop, meet: Meet, sandbox: Sandbox) -> None:
    lou = meet("user_locked")
    await lou.open(await acme.link_token())
    await lou.go_on("credentials")
    assert (await lou.sign_in()).heading == "Sandbox EHR locked this account"
    assert await sandbox.logins() == 1
    await sandbox.lab("users/user_locked", {"locked": False})
    assert (await lou.press("again")).pane == "credentials"
    assert (await lou.sign_in()).pane == "done"
    await opens_the_schedule(acme, lou)
    assert await sandbox.logins() == 2


async def test_user_expired_changes_the_password_at_the_ehr_and_comes_back(
    acme: Shop, meet: Meet, sandbox: Sandbox
) -> None:
    alter = meet("user_expired")
    await alter.open(await acme.link_token())
    await alter.go_on("credentials")
    assert (await alter.sign_in()).heading == "Sandbox EHR wants a new password first"
    assert f"{sandbox.address}/password" in alter.page.links
    change = {"username": "user_expired", "password": "pass_good", "new_password": "pass_better"}
    assert (await sandbox.http.post("/api/password", json=change)).status_code == 200
    assert (await alter.press("again")).pane == "credentials"
    assert (await alter.sign_in("pass_better")).pane == "done"
    await opens_the_schedule(acme, alter)
