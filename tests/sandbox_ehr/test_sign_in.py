"""Passwords, locks, sessions."""

import sqlite3
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from sandbox_ehr.server import running
from tests.sandbox_ehr.sandbox_client import Desk, refusal


async def test_the_right_password_opens_a_session_that_reads_the_chart(desk: Desk):
    answer = (await desk.log_in("user_good")).json()
    assert answer["user"] == {
        "id": "u1",
        "username": "user_good",
        "name": "Dana Goodwin",
        "role": "Front desk",
        "rights": ["patients.read", "schedule.read"],
    }
    assert answer["clinic"]["timezone"] == "America/New_York"
    assert answer["expires_in"] == 900
    me = await desk.read("me", answer["session"])
    assert me == {"user": answer["user"], "clinic": answer["clinic"]}


async def test_wrong_passwords_are_counted_and_the_fifth_locks_for_thirty_minutes(desk: Desk):
    for left in (4, 3, 2, 1):
        response = await desk.log_in("user_good", "wrong")
        assert refusal(response) == (401, "wrong_credentials")
        assert response.json()["tries_left"] == left
    response = await desk.log_in("user_good", "wrong")
    assert refusal(response) == (403, "locked")
    assert response.json()["unlocks_in"] == 1800
    await desk.wait(1700)
    assert refusal(await desk.log_in("user_good")) == (403, "locked")
    await desk.wait(101)
    assert await desk.session("user_good")


async def test_a_right_password_forgets_the_wrong_ones_before_it(desk: Desk):
    for _ in range(4):
        await desk.log_in("user_good", "wrong")
    await desk.session("user_good")
    assert (await desk.log_in("user_good", "wrong")).json()["tries_left"] == 4


async def test_an_unknown_username_is_refused_like_a_wrong_password(desk: Desk):
    unknown, wrong = await desk.log_in("nobody"), await desk.log_in("user_good", "wrong")
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())


async def test_the_locked_account_stays_locked_until_somebody_unlocks_it(desk: Desk):
    response = await desk.log_in("user_locked")
    assert refusal(response) == (403, "locked")
    assert "unlocks_in" not in response.json()
    await desk.wait(10 * 365 * 86400)
    assert refusal(await desk.log_in("user_locked")) == (403, "locked")
    await desk.lab("users/user_locked", {"locked": False})
    assert await desk.session("user_locked")


async def test_an_expired_password_works_again_once_it_was_changed(desk: Desk):
    response = await desk.log_in("user_expired")
    assert refusal(response) == (403, "password_expired")
    assert response.json()["change_url"] == "/password"
    change = {"username": "user_expired", "password": "pass_good", "new_password": "pass_better"}
    assert (await desk.http.post("/api/password", json=change)).status_code == 200
    assert refusal(await desk.log_in("user_expired", "pass_good")) == (401, "wrong_credentials")
    assert await desk.session("user_expired", "pass_better")


@pytest.mark.parametrize("new", ["short", "pass_good", "error_locked"])
async def test_a_new_password_has_to_be_one(desk: Desk, new: str):
    change = {"username": "user_good", "password": "pass_good", "new_password": new}
    assert refusal(await desk.http.post("/api/password", json=change)) == (400, "bad_request")
    assert await desk.session("user_good")


async def test_guessing_at_the_password_change_locks_too(desk: Desk):
    change = {"username": "user_good", "password": "wrong", "new_password": "pass_better"}
    answers = [refusal(await desk.http.post("/api/password", json=change)) for _ in range(6)]
    assert answers[3:] == [(401, "wrong_credentials"), (403, "locked"), (403, "locked")]
    change["username"] = "nobody"
    assert refusal(await desk.http.post("/api/password", json=change)) == (401, "wrong_credentials")


async def test_a_session_ends_after_fifteen_idle_minutes_and_use_keeps_it(desk: Desk):
    session = await desk.session()
    for _ in range(3):
        await desk.wait(890)
        await desk.read("settings", session)
    await desk.wait(901)
    assert refusal(await desk.get("settings", session)) == (401, "session_expired")
    await desk.lab("clock", {"offset": 0})
    assert refusal(await desk.get("settings", session)) == (401, "session_expired")


async def test_logging_out_ends_this_session_and_no_other(desk: Desk):
    mine, other = await desk.session(), await desk.session()
    headers = {"Authorization": f"Bearer {mine}"}
    assert (await desk.http.post("/api/logout", headers=headers)).status_code == 200
    assert refusal(await desk.get("settings", mine)) == (401, "session_expired")
    assert refusal(await desk.http.post("/api/logout", headers=headers)) == (401, "session_expired")
    await desk.read("settings", other)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz"])
async def test_nothing_is_read_without_a_session(desk: Desk, header: str | None):
    headers = {"Authorization": header} if header else {}
    for path in ("patients", "appointments", "appointments/1", "providers", "locations", "settings", "me"):
        assert refusal(await desk.http.get(f"/api/{path}", headers=headers)) == (401, "session_expired")


async def test_passwords_sessions_and_challenges_do_not_rest_in_the_file(tmp_path: Path):
    word = "correct-horse"
    async with running(data=tmp_path) as address, AsyncClient(base_url=address, trust_env=False) as http:
        desk = Desk(http)
        await desk.lab("users/user_code", {"password": word})
        session = await desk.session()
        challenge = (await desk.challenge("user_code", word))["id"]
    with sqlite3.connect(tmp_path / "sandbox-ehr.sqlite") as file:
        assert file.execute("SELECT count(*) FROM session").fetchone() == (1,)
        dump = "\n".join(file.iterdump())
    file.close()
    for secret in (word, session, challenge):
        assert secret not in dump
