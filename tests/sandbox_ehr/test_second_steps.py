"""The steps after the password: codes, the choice of way, pushes and clinics."""

import pytest

from tests.support.sandbox_client import SandboxClient, refusal


async def test_a_texted_code_opens_the_session(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_code")
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
    response = await ehr.step("code", await ehr.challenge("user_code"), code="123456")
    assert response.json()["user"]["username"] == "user_code"
    await ehr.read("settings", response.json()["session"])


async def test_a_code_works_once(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_code")
    assert "session" in (await ehr.step("code", challenge, code="123456")).json()
    assert refusal(await ehr.step("code", challenge, code="123456")) == (410, "sign_in_expired")


async def test_a_code_expires_after_five_minutes_and_a_new_one_works(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_code")
    await ehr.wait(301)
    assert refusal(await ehr.step("code", challenge, code="123456")) == (410, "code_expired")
    again = (await ehr.step("resend", challenge)).json()["challenge"]
    assert (again["id"], again["expires_in"]) == (challenge["id"], 300)
    assert "session" in (await ehr.step("code", challenge, code="123456")).json()


async def test_a_new_code_can_be_sent_every_thirty_seconds(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_code")
    response = await ehr.step("resend", challenge)
    assert refusal(response) == (409, "resend_too_soon")
    assert 1 <= response.json()["retry_in"] <= 30
    await ehr.wait(31)
    assert (await ehr.step("resend", challenge)).status_code == 200
    assert (await ehr.counts())["texts_sent"] == 2


async def test_a_sixth_code_is_not_sent_and_blocks_codes(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_code")
    for _ in range(4):
        await ehr.wait(31)
        assert (await ehr.step("resend", challenge)).status_code == 200
    await ehr.wait(31)
    assert refusal(await ehr.step("resend", challenge)) == (403, "too_many_codes")
    assert (await ehr.counts())["texts_sent"] == 5


async def test_five_wrong_codes_block_codes_for_fifteen_minutes_even_in_a_new_sign_in(ehr: SandboxClient) -> None:
    first, second = await ehr.challenge("user_code"), await ehr.challenge("user_code")
    tries = [(await ehr.step("code", first, code="000000")).json() for _ in range(2)]
    tries += [(await ehr.step("code", second, code="000000")).json() for _ in range(2)]
    assert [(one["error"], one["tries_left"]) for one in tries] == [("wrong_code", left) for left in (4, 3, 2, 1)]
    response = await ehr.step("code", second, code="000000")
    assert refusal(response) == (403, "too_many_codes")
    assert response.json()["retry_in"] == 900
    sent = (await ehr.counts())["texts_sent"]
    assert refusal(await ehr.log_in("user_code")) == (403, "too_many_codes")
    assert (await ehr.counts())["texts_sent"] == sent
    await ehr.wait(901)
    assert (await ehr.challenge("user_code"))["tries_left"] == 5


async def test_a_right_code_resets_the_count_of_wrong_ones(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_code")
    await ehr.step("code", challenge, code="000000")
    await ehr.step("code", challenge, code="123456")
    assert (await ehr.challenge("user_code"))["tries_left"] == 5


@pytest.mark.parametrize(
    ("way", "hint", "sent"),
    [("text", "34", "texts_sent"), ("email", "m•••••@riverside.example", "emails_sent"), ("app", "", None)],
)
async def test_a_user_can_choose_each_way_to_get_a_code(
    ehr: SandboxClient, way: str, hint: str, sent: str | None
) -> None:
    challenge = await ehr.challenge("user_choice")
    assert {"way": way, "hint": hint} in challenge["ways"]
    assert sum(await _sent(ehr)) == 0
    code = (await ehr.step("way", challenge, way=way)).json()["challenge"]
    assert (code["kind"], code["way"], code["hint"]) == ("code", way, hint)
    assert ("expires_in" in code, "resend_in" in code) == (way != "app", way != "app")
    assert sum(await _sent(ehr)) == (1 if sent else 0)
    assert sent is None or (await ehr.counts())[sent] == 1
    assert "session" in (await ehr.step("code", code, code="123456")).json()


async def test_a_user_can_change_the_way_while_the_ehr_expects_a_code(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_choice")
    await ehr.step("way", challenge, way="text")
    code = (await ehr.step("way", challenge, way="app")).json()["challenge"]
    assert code["way"] == "app"
    await ehr.wait(600)
    assert "session" in (await ehr.step("code", code, code="123456")).json()


async def test_an_app_code_cannot_be_sent_again_and_an_unknown_way_is_refused(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_choice")
    assert refusal(await ehr.step("way", challenge, way="pigeon")) == (400, "bad_request")
    await ehr.step("way", challenge, way="app")
    assert refusal(await ehr.step("resend", challenge)) == (400, "bad_request")


async def test_a_push_approves_itself_after_three_seconds(ehr: SandboxClient) -> None:
    await ehr.lab("clock", {"offset": 0, "frozen": True})
    challenge = await ehr.challenge("user_push")
    assert challenge["kind"] == "push"
    assert 10 <= int(challenge["number"]) <= 99
    assert challenge["expires_in"] == 120
    assert (await ehr.step("push", challenge)).json() == {"challenge": challenge}
    await ehr.lab("clock", {"advance": 3, "frozen": True})
    assert (await ehr.step("push", challenge)).json()["user"]["role"] == "Physician"


async def test_a_test_can_answer_a_push_and_the_user_can_send_it_again(ehr: SandboxClient) -> None:
    await ehr.lab("users/user_push", {"push_plan": "ignore"})
    challenge = await ehr.challenge("user_push")
    assert (await _answer(ehr, "deny")) == 200
    assert refusal(await ehr.step("push", challenge)) == (403, "push_denied")
    again = (await ehr.step("resend", challenge)).json()["challenge"]
    assert "challenge" in (await ehr.step("push", again)).json()
    assert (await _answer(ehr, "expire")) == 200
    assert refusal(await ehr.step("push", again)) == (410, "push_expired")
    await ehr.step("resend", challenge)
    assert (await _answer(ehr, "approve")) == 200
    assert "session" in (await ehr.step("push", challenge)).json()
    assert (await _answer(ehr, "approve")) == 404
    assert (await ehr.counts())["pushes_sent"] == 3


async def test_a_push_that_nobody_answers_expires_after_two_minutes(ehr: SandboxClient) -> None:
    await ehr.lab("users/user_push", {"push_plan": "ignore"})
    challenge = await ehr.challenge("user_push")
    await ehr.wait(119)
    assert "challenge" in (await ehr.step("push", challenge)).json()
    await ehr.wait(2)
    assert refusal(await ehr.step("push", challenge)) == (410, "push_expired")


async def test_the_phone_of_a_user_can_be_set_to_deny(ehr: SandboxClient) -> None:
    await ehr.lab("users/user_push", {"push_plan": "deny", "push_after": 0})
    assert refusal(await ehr.step("push", await ehr.challenge("user_push"))) == (403, "push_denied")


async def test_the_chosen_clinic_decides_whose_data_is_read(ehr: SandboxClient) -> None:
    totals = set()
    challenge = await ehr.challenge("user_clinics")
    assert [clinic["id"] for clinic in challenge["clinics"]] == ["1", "2", "3"]
    for clinic in challenge["clinics"]:
        answer = (await ehr.step("clinic", await ehr.challenge("user_clinics"), clinic=clinic["id"])).json()
        assert answer["clinic"]["name"] == clinic["name"]
        totals.add((await ehr.read("patients", answer["session"]))["total"])
        settings = await ehr.read("settings", answer["session"])
        assert settings["clinic"]["name"] == clinic["name"]
    assert len(totals) == 3


async def test_a_clinic_that_was_not_offered_is_refused(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_clinics")
    assert refusal(await ehr.step("clinic", challenge, clinic="9")) == (400, "bad_request")


async def test_the_clinic_comes_after_the_code(ehr: SandboxClient) -> None:
    await ehr.lab("users/user_code", {"clinics": ["2", "3"]})
    challenge = await ehr.challenge("user_code")
    after = (await ehr.step("code", challenge, code="123456")).json()["challenge"]
    assert (after["id"], after["kind"]) == (challenge["id"], "clinic")
    assert (await ehr.step("clinic", after, clinic="3")).json()["clinic"]["id"] == "3"


async def test_a_step_out_of_order_is_told_which_step_the_ehr_expects(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_choice")
    response = await ehr.step("code", challenge, code="123456")
    assert refusal(response) == (409, "wrong_step")
    assert response.json()["waiting_for"] == "way"
    code = await ehr.challenge("user_code")
    assert refusal(await ehr.step("way", code, way="text")) == (409, "wrong_step")


async def test_a_sign_in_expires_after_thirty_minutes(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_clinics")
    await ehr.wait(1801)
    assert refusal(await ehr.step("clinic", challenge, clinic="1")) == (410, "sign_in_expired")


async def _answer(ehr: SandboxClient, answer: str) -> int:
    return (await ehr.http.post("/api/_lab/users/user_push/push", json={"answer": answer})).status_code


async def _sent(ehr: SandboxClient) -> list[int]:
    counts = await ehr.counts()
    return [counts[name] for name in ("texts_sent", "emails_sent", "pushes_sent")]
