"""Any username with the password error_<code> gets that refusal."""

from collections.abc import Awaitable, Callable

import pytest
from httpx2 import Response

from sandbox_ehr.refusals import ERROR_CODES
from tests.support.sandbox_client import SandboxClient, refusal

Ending = Callable[[SandboxClient, str], Awaitable[Response]]


async def at_once(ehr: SandboxClient, password: str) -> Response:
    return await ehr.log_in("anybody", password)


async def at_the_code(ehr: SandboxClient, password: str) -> Response:
    return await ehr.step("code", await ehr.challenge("anybody", password), code="123456")


async def at_the_push(ehr: SandboxClient, password: str) -> Response:
    return await ehr.step("push", await ehr.challenge("anybody", password))


async def at_the_first_read(ehr: SandboxClient, password: str) -> Response:
    return await ehr.get("appointments", await ehr.session("anybody", password), start="2026-01-01", end="2026-01-01")


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


def test_every_code_has_a_test_of_its_ending() -> None:
    assert set(ERROR_CODES) == JSON_ENDINGS.keys() | OTHER_ENDINGS  # S-007


@pytest.mark.parametrize("code", JSON_ENDINGS)
async def test_the_password_gets_the_refusal_that_it_names(ehr: SandboxClient, code: str) -> None:  # S-007
    ending, status, error = JSON_ENDINGS[code]
    for _ in range(7):  # No count of tries turns it into another refusal.
        assert refusal(await ending(ehr, f"error_{code}")) == (status, error)


async def test_busy_says_when_to_try_again(ehr: SandboxClient) -> None:
    assert (await ehr.log_in("anybody", "error_ehr_busy")).headers["retry-after"] == "120"


async def test_down_is_the_html_page_of_a_load_balancer(ehr: SandboxClient) -> None:
    response = await ehr.log_in("anybody", "error_ehr_down")
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("text/html")


async def test_unexpected_is_a_page_instead_of_json(ehr: SandboxClient) -> None:
    response = await ehr.log_in("anybody", "error_unexpected")
    assert response.status_code == 200
    assert response.text.startswith("<!doctype html>")


async def test_unsupported_is_a_challenge_that_no_step_can_answer(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("anybody", "error_unsupported")
    assert challenge["kind"] == "smart_card"
    for name, values in (("code", {"code": "123456"}), ("push", {}), ("resend", {}), ("clinic", {"clinic": "1"})):
        assert refusal(await ehr.step(name, challenge, **values)) == (409, "wrong_step")


async def test_an_expired_code_on_demand_stays_expired_after_a_new_one_was_sent(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("anybody", "error_code_expired")
    await ehr.wait(31)
    assert (await ehr.step("resend", challenge)).status_code == 200
    assert refusal(await ehr.step("code", challenge, code="123456")) == (410, "code_expired")


async def test_the_fifth_wrong_code_on_demand_blocks_codes(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("anybody", "error_wrong_code")
    answers = [refusal(await ehr.step("code", challenge, code="123456")) for _ in range(5)]
    assert answers == [(401, "wrong_code")] * 4 + [(403, "too_many_codes")]


async def test_errors_on_demand_do_not_change_the_account(ehr: SandboxClient) -> None:
    for code in ERROR_CODES:
        for _ in range(6):
            await ehr.log_in("user_good", f"error_{code}")
    challenge = await ehr.challenge("user_code", "error_wrong_code")
    for _ in range(5):
        await ehr.step("code", challenge, code="1")
    assert await ehr.session("user_good")
    assert (await ehr.challenge("user_code"))["tries_left"] == 5


async def test_an_unknown_error_code_is_a_wrong_password(ehr: SandboxClient) -> None:
    assert refusal(await ehr.log_in("user_good", "error_nonsense")) == (401, "wrong_credentials")
