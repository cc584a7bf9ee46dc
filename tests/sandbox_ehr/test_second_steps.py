"""Codes, the choice of way, push, clinics."""

import pytest

from tests.sandbox_ehr.sandbox_client import Desk, refusal


async def test_a_texted_code_opens_the_session(desk: Desk):
    challenge = await desk.challenge("user_code")
    assert len(challenge.pop("id")) == 32
    assert challenge == {
        "kind": "code",
        "way": "text",
        "hint": "34",
        "digits": 6,
        "tries_left": 5,
        "expires_in": 300,
        "resend_in": 30,
    }
    response = await desk.step("code", await desk.challenge("user_code"), code="123456")
    assert response.json()["user"]["username"] == "user_code"
    await desk.read("settings", response.json()["session"])


async def test_a_code_works_once(desk: Desk):
    challenge = await desk.challenge("user_code")
    assert "session" in (await desk.step("code", challenge, code="123456")).json()
    assert refusal(await desk.step("code", challenge, code="123456")) == (410, "sign_in_expired")


async def test_a_code_ends_after_five_minutes_and_a_new_one_works(desk: Desk):
    challenge = await desk.challenge("user_code")
    await desk.wait(301)
    assert refusal(await desk.step("code", challenge, code="123456")) == (410, "code_expired")
    again = (await desk.step("resend", challenge)).json()["challenge"]
    assert (again["id"], again["expires_in"]) == (challenge["id"], 300)
    assert "session" in (await desk.step("code", challenge, code="123456")).json()


async def test_a_new_code_can_be_sent_every_thirty_seconds(desk: Desk):
    challenge = await desk.challenge("user_code")
    response = await desk.step("resend", challenge)
    assert refusal(response) == (409, "resend_too_soon")
    assert 1 <= response.json()["retry_in"] <= 30
    await desk.wait(31)
    assert (await desk.step("resend", challenge)).status_code == 200
    assert (await desk.counts())["texts_sent"] == 2


async def test_the_sixth_sending_blocks_codes(desk: Desk):
    challenge = await desk.challenge("user_code")
    for _ in range(4):
        await desk.wait(31)
        assert (await desk.step("resend", challenge)).status_code == 200
    await desk.wait(31)
    assert refusal(await desk.step("resend", challenge)) == (403, "too_many_codes")
    assert (await desk.counts())["texts_sent"] == 5


async def test_five_wrong_codes_block_codes_for_fifteen_minutes_also_in_a_new_sign_in(desk: Desk):
    first, second = await desk.challenge("user_code"), await desk.challenge("user_code")
    tries = [(await desk.step("code", first, code="000000")).json() for _ in range(2)]
    tries += [(await desk.step("code", second, code="000000")).json() for _ in range(2)]
    assert [(one["error"], one["tries_left"]) for one in tries] == [("wrong_code", left) for left in (4, 3, 2, 1)]
    response = await desk.step("code", second, code="000000")
    assert refusal(response) == (403, "too_many_codes")
    assert response.json()["retry_in"] == 900
    sent = (await desk.counts())["texts_sent"]
    assert refusal(await desk.log_in("user_code")) == (403, "too_many_codes")
    assert (await desk.counts())["texts_sent"] == sent
    await desk.wait(901)
    assert (await desk.challenge("user_code"))["tries_left"] == 5


async def test_a_right_code_forgets_the_wrong_ones_before_it(desk: Desk):
    challenge = await desk.challenge("user_code")
    await desk.step("code", challenge, code="000000")
    await desk.step("code", challenge, code="123456")
    assert (await desk.challenge("user_code"))["tries_left"] == 5


@pytest.mark.parametrize(
    ("way", "hint", "sent"),
    [("text", "34", "texts_sent"), ("email", "m•••••@riverside.example", "emails_sent"), ("app", "", None)],
)
async def test_each_way_to_a_code_can_be_chosen(desk: Desk, way: str, hint: str, sent: str | None):
    challenge = await desk.challenge("user_choice")
    assert {"way": way, "hint": hint} in challenge["ways"]
    assert sum(await _sent(desk)) == 0
    code = (await desk.step("way", challenge, way=way)).json()["challenge"]
    assert (code["kind"], code["way"], code["hint"]) == ("code", way, hint)
    assert ("expires_in" in code, "resend_in" in code) == (way != "app", way != "app")
    assert sum(await _sent(desk)) == (1 if sent else 0)
    assert sent is None or (await desk.counts())[sent] == 1
    assert "session" in (await desk.step("code", code, code="123456")).json()


async def test_the_way_can_be_changed_while_a_code_is_awaited(desk: Desk):
    challenge = await desk.challenge("user_choice")
    await desk.step("way", challenge, way="text")
    code = (await desk.step("way", challenge, way="app")).json()["challenge"]
    assert code["way"] == "app"
    await desk.wait(600)
    assert "session" in (await desk.step("code", code, code="123456")).json()


async def test_an_app_sends_nothing_again_and_an_unknown_way_is_refused(desk: Desk):
    challenge = await desk.challenge("user_choice")
    assert refusal(await desk.step("way", challenge, way="pigeon")) == (400, "bad_request")
    await desk.step("way", challenge, way="app")
    assert refusal(await desk.step("resend", challenge)) == (400, "bad_request")


async def test_a_push_approves_itself_after_three_seconds(desk: Desk):
    await desk.lab("clock", {"offset": 0, "frozen": True})
    challenge = await desk.challenge("user_push")
    assert challenge["kind"] == "push"
    assert 10 <= int(challenge["number"]) <= 99
    assert challenge["expires_in"] == 120
    assert (await desk.step("push", challenge)).json() == {"challenge": challenge}
    await desk.lab("clock", {"advance": 3, "frozen": True})
    assert (await desk.step("push", challenge)).json()["user"]["role"] == "Physician"


async def test_a_push_is_answered_by_hand_and_can_be_sent_again(desk: Desk):
    await desk.lab("users/user_push", {"push_plan": "ignore"})
    challenge = await desk.challenge("user_push")
    assert (await _answer(desk, "deny")) == 200
    assert refusal(await desk.step("push", challenge)) == (403, "push_denied")
    again = (await desk.step("resend", challenge)).json()["challenge"]
    assert "challenge" in (await desk.step("push", again)).json()
    assert (await _answer(desk, "expire")) == 200
    assert refusal(await desk.step("push", again)) == (410, "push_expired")
    await desk.step("resend", challenge)
    assert (await _answer(desk, "approve")) == 200
    assert "session" in (await desk.step("push", challenge)).json()
    assert (await _answer(desk, "approve")) == 404
    assert (await desk.counts())["pushes_sent"] == 3


async def test_a_push_that_nobody_answers_ends_after_two_minutes(desk: Desk):
    await desk.lab("users/user_push", {"push_plan": "ignore"})
    challenge = await desk.challenge("user_push")
    await desk.wait(119)
    assert "challenge" in (await desk.step("push", challenge)).json()
    await desk.wait(2)
    assert refusal(await desk.step("push", challenge)) == (410, "push_expired")


async def test_a_planned_denial_denies(desk: Desk):
    await desk.lab("users/user_push", {"push_plan": "deny", "push_after": 0})
    assert refusal(await desk.step("push", await desk.challenge("user_push"))) == (403, "push_denied")


async def test_the_chosen_clinic_decides_whose_data_is_read(desk: Desk):
    totals = set()
    challenge = await desk.challenge("user_clinics")
    assert [clinic["id"] for clinic in challenge["clinics"]] == ["1", "2", "3"]
    for clinic in challenge["clinics"]:
        answer = (await desk.step("clinic", await desk.challenge("user_clinics"), clinic=clinic["id"])).json()
        assert answer["clinic"]["name"] == clinic["name"]
        totals.add((await desk.read("patients", answer["session"]))["total"])
        settings = await desk.read("settings", answer["session"])
        assert settings["clinic"]["name"] == clinic["name"]
    assert len(totals) == 3


async def test_a_clinic_that_was_not_offered_is_refused(desk: Desk):
    challenge = await desk.challenge("user_clinics")
    assert refusal(await desk.step("clinic", challenge, clinic="9")) == (400, "bad_request")


async def test_the_clinic_comes_after_the_code(desk: Desk):
    await desk.lab("users/user_code", {"clinics": ["2", "3"]})
    challenge = await desk.challenge("user_code")
    after = (await desk.step("code", challenge, code="123456")).json()["challenge"]
    assert (after["id"], after["kind"]) == (challenge["id"], "clinic")
    assert (await desk.step("clinic", after, clinic="3")).json()["clinic"]["id"] == "3"


async def test_a_step_out_of_order_names_the_one_that_is_awaited(desk: Desk):
    challenge = await desk.challenge("user_choice")
    response = await desk.step("code", challenge, code="123456")
    assert refusal(response) == (409, "wrong_step")
    assert response.json()["waiting_for"] == "way"
    code = await desk.challenge("user_code")
    assert refusal(await desk.step("way", code, way="text")) == (409, "wrong_step")


async def test_a_sign_in_ends_after_thirty_minutes(desk: Desk):
    challenge = await desk.challenge("user_clinics")
    await desk.wait(1801)
    assert refusal(await desk.step("clinic", challenge, clinic="1")) == (410, "sign_in_expired")


async def _answer(desk: Desk, answer: str) -> int:
    return (await desk.http.post("/api/_lab/users/user_push/push", json={"answer": answer})).status_code


async def _sent(desk: Desk) -> list[int]:
    counts = await desk.counts()
    return [counts[name] for name in ("texts_sent", "emails_sent", "pushes_sent")]
