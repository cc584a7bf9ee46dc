"""Passwords, locks and sessions."""

import sqlite3
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from sandbox_ehr.login.accounts import ALL_RIGHTS
from sandbox_ehr.server import running
from tests.support.sandbox_client import SandboxClient, refusal


async def test_the_right_password_opens_a_session_that_reads_the_chart(ehr: SandboxClient) -> None:
    answer = (await ehr.log_in("user_good")).json()
    assert answer["user"] == {
        "id": "u1",
        "username": "user_good",
        "name": "Dana Goodwin",
        "role": "Front desk",
        "rights": list(ALL_RIGHTS),
    }
    assert answer["clinic"]["timezone"] == "America/New_York"
    assert answer["expires_in"] == 900
    me = await ehr.read("me", answer["session"])
    assert me == {"user": answer["user"], "clinic": answer["clinic"]}


async def test_the_fifth_wrong_password_locks_the_account_for_thirty_minutes(ehr: SandboxClient) -> None:
    for left in (4, 3, 2, 1):
        response = await ehr.log_in("user_good", "wrong")
        assert refusal(response) == (401, "wrong_credentials")
        assert response.json()["tries_left"] == left
    response = await ehr.log_in("user_good", "wrong")
    assert refusal(response) == (403, "locked")
    assert response.json()["unlocks_in"] == 1800
    await ehr.wait(1700)
    assert refusal(await ehr.log_in("user_good")) == (403, "locked")
    await ehr.wait(101)
    assert await ehr.session("user_good")


async def test_a_right_password_resets_the_count_of_wrong_ones(ehr: SandboxClient) -> None:
    for _ in range(4):
        await ehr.log_in("user_good", "wrong")
    await ehr.session("user_good")
    assert (await ehr.log_in("user_good", "wrong")).json()["tries_left"] == 4


async def test_an_unknown_username_is_refused_like_a_wrong_password(ehr: SandboxClient) -> None:
    unknown, wrong = await ehr.log_in("nobody"), await ehr.log_in("user_good", "wrong")
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())


async def test_user_locked_stays_locked_until_an_administrator_unlocks_it(ehr: SandboxClient) -> None:
    response = await ehr.log_in("user_locked")
    assert refusal(response) == (403, "locked")
    assert "unlocks_in" not in response.json()
    await ehr.wait(10 * 365 * 86400)
    assert refusal(await ehr.log_in("user_locked")) == (403, "locked")
    await ehr.lab("users/user_locked", {"locked": False})
    assert await ehr.session("user_locked")


async def test_an_expired_password_has_to_be_changed_before_sign_in(ehr: SandboxClient) -> None:
    response = await ehr.log_in("user_expired")
    assert refusal(response) == (403, "password_expired")
    assert response.json()["change_url"] == "/password"
    change = {"username": "user_expired", "password": "pass_good", "new_password": "pass_better"}
    assert (await ehr.http.post("/api/password", json=change)).status_code == 200
    assert refusal(await ehr.log_in("user_expired", "pass_good")) == (401, "wrong_credentials")
    assert await ehr.session("user_expired", "pass_better")


@pytest.mark.parametrize("new", ["short", "pass_good", "error_locked"])
async def test_a_new_password_that_is_too_weak_is_refused(ehr: SandboxClient, new: str) -> None:
    change = {"username": "user_good", "password": "pass_good", "new_password": new}
    assert refusal(await ehr.http.post("/api/password", json=change)) == (400, "bad_request")
    assert await ehr.session("user_good")


async def test_wrong_passwords_at_the_password_change_lock_the_account_too(ehr: SandboxClient) -> None:
    change = {"username": "user_good", "password": "wrong", "new_password": "pass_better"}
    answers = [refusal(await ehr.http.post("/api/password", json=change)) for _ in range(6)]
    assert answers[3:] == [(401, "wrong_credentials"), (403, "locked"), (403, "locked")]
    change["username"] = "nobody"
    assert refusal(await ehr.http.post("/api/password", json=change)) == (401, "wrong_credentials")


async def test_a_session_ends_after_fifteen_idle_minutes_and_each_use_restarts_them(ehr: SandboxClient) -> None:
    session = await ehr.session()
    for _ in range(3):
        await ehr.wait(890)
        await ehr.read("settings", session)
    await ehr.wait(901)
    assert refusal(await ehr.get("settings", session)) == (401, "session_expired")
    await ehr.lab("clock", {"offset": 0})
    assert refusal(await ehr.get("settings", session)) == (401, "session_expired")


async def test_logging_out_ends_only_this_session(ehr: SandboxClient) -> None:
    mine, other = await ehr.session(), await ehr.session()
    headers = {"Authorization": f"Bearer {mine}"}
    assert (await ehr.http.post("/api/logout", headers=headers)).status_code == 200
    assert refusal(await ehr.get("settings", mine)) == (401, "session_expired")
    assert refusal(await ehr.http.post("/api/logout", headers=headers)) == (401, "session_expired")
    await ehr.read("settings", other)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz"])
async def test_nothing_is_read_without_a_session(ehr: SandboxClient, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for path in ("patients", "appointments", "appointments/1", "providers", "locations", "settings", "me"):
        assert refusal(await ehr.http.get(f"/api/{path}", headers=headers)) == (401, "session_expired")


async def test_the_file_holds_no_password_session_or_challenge_in_clear(tmp_path: Path) -> None:
    password = "correct-horse"
    async with running(data=tmp_path) as address, AsyncClient(base_url=address, trust_env=False, verify=False) as http:
        ehr = SandboxClient(http)
        await ehr.lab("users/user_code", {"password": password})
        session = await ehr.session()
        challenge = (await ehr.challenge("user_code", password))["id"]
    with sqlite3.connect(tmp_path / "sandbox-ehr.sqlite") as file:
        assert file.execute("SELECT count(*) FROM session").fetchone() == (1,)
        dump = "\n".join(file.iterdump())
    file.close()
    for secret in (password, session, challenge):
        assert secret not in dump
