"""Every refusal can be had on demand: any user, password error_<code>."""

from collections.abc import Awaitable, Callable

import pytest
from httpx2 import Response

from sandbox_ehr.refusals import ERROR_CODES
from tests.sandbox_ehr.sandbox_client import Desk, refusal

Ending = Callable[[Desk, str], Awaitable[Response]]


async def at_once(desk: Desk, password: str) -> Response:
    return await desk.log_in("anybody", password)


async def at_the_code(desk: Desk, password: str) -> Response:
    return await desk.step("code", await desk.challenge("anybody", password), code="123456")


async def at_the_push(desk: Desk, password: str) -> Response:
    return await desk.step("push", await desk.challenge("anybody", password))


async def at_the_first_read(desk: Desk, password: str) -> Response:
    return await desk.get("appointments", await desk.session("anybody", password), start="2026-01-01", end="2026-01-01")


JSON_ENDINGS: dict[str, tuple[Ending, int, str]] = {
    "wrong_credentials": (at_once, 401, "wrong_credentials"),
    "wrong_code": (at_the_code, 401, "wrong_code"),
    "code_expired": (at_the_code, 410, "code_expired"),
    "too_many_codes": (at_once, 403, "too_many_codes"),
    "push_denied": (at_the_push, 403, "push_denied"),
    "push_expired": (at_the_push, 410, "push_expired"),
    "locked": (at_once, 403, "locked"),
    "password_expired": (at_once, 403, "password_expired"),
    "ehr_busy": (at_once, 429, "busy"),
    "no_rights": (at_the_first_read, 403, "no_rights"),
    "declined": (at_once, 403, "declined"),
    "session_ended": (at_the_first_read, 401, "session_expired"),
}
OTHER_ENDINGS = {"ehr_down", "unexpected", "unsupported"}


def test_every_code_has_an_ending_that_is_tested():
    assert set(ERROR_CODES) == JSON_ENDINGS.keys() | OTHER_ENDINGS  # S-007


@pytest.mark.parametrize("code", JSON_ENDINGS)
async def test_a_password_yields_the_refusal_that_it_names(desk: Desk, code: str):  # S-007
    ending, status, error = JSON_ENDINGS[code]
    for _ in range(7):  # no count of tries turns it into another one
        assert refusal(await ending(desk, f"error_{code}")) == (status, error)


async def test_busy_says_when_to_come_back(desk: Desk):
    assert (await desk.log_in("anybody", "error_ehr_busy")).headers["retry-after"] == "120"


async def test_down_is_a_page_of_the_load_balancer(desk: Desk):
    response = await desk.log_in("anybody", "error_ehr_down")
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("text/html")


async def test_unexpected_is_a_page_where_json_belongs(desk: Desk):
    response = await desk.log_in("anybody", "error_unexpected")
    assert response.status_code == 200
    assert response.text.startswith("<!doctype html>")


async def test_unsupported_is_a_challenge_that_nothing_can_answer(desk: Desk):
    challenge = await desk.challenge("anybody", "error_unsupported")
    assert challenge["kind"] == "smart_card"
    for name, values in (("code", {"code": "123456"}), ("push", {}), ("resend", {}), ("clinic", {"clinic": "1"})):
        assert refusal(await desk.step(name, challenge, **values)) == (409, "wrong_step")


async def test_an_expired_code_stays_expired_after_sending_again(desk: Desk):
    challenge = await desk.challenge("anybody", "error_code_expired")
    await desk.wait(31)
    assert (await desk.step("resend", challenge)).status_code == 200
    assert refusal(await desk.step("code", challenge, code="123456")) == (410, "code_expired")


async def test_the_fifth_code_on_demand_is_one_too_many(desk: Desk):
    challenge = await desk.challenge("anybody", "error_wrong_code")
    answers = [refusal(await desk.step("code", challenge, code="123456")) for _ in range(5)]
    assert answers == [(401, "wrong_code")] * 4 + [(403, "too_many_codes")]


async def test_errors_on_demand_do_not_touch_the_account(desk: Desk):
    for code in ERROR_CODES:
        for _ in range(6):
            await desk.log_in("user_good", f"error_{code}")
    challenge = await desk.challenge("user_code", "error_wrong_code")
    for _ in range(5):
        await desk.step("code", challenge, code="1")
    assert await desk.session("user_good")
    assert (await desk.challenge("user_code"))["tries_left"] == 5


async def test_a_code_that_nobody_knows_is_a_wrong_password(desk: Desk):
    assert refusal(await desk.log_in("user_good", "error_nonsense")) == (401, "wrong_credentials")
