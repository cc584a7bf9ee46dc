"""Faults, clock, log, users: what tests of an app need to make this EHR misbehave and to see what the app did."""

import asyncio
import socket

import pytest
from httpx2 import AsyncClient, ReadTimeout

from sandbox_ehr.server import running
from tests.sandbox_ehr.sandbox_client import Desk, refusal


async def test_down_500_garbage_and_busy_answer_as_they_say(desk: Desk):
    session = await desk.session()
    seen = {}
    for switch in ("down", "http_500", "garbage", "busy"):
        await desk.lab("faults", {switch: True})
        seen[switch] = await desk.get("settings", session)
    await desk.lab("faults", {})
    assert {switch: response.status_code for switch, response in seen.items()} == {
        "down": 503,
        "http_500": 500,
        "garbage": 200,
        "busy": 429,
    }
    assert seen["busy"].headers["retry-after"] == "120"
    assert seen["garbage"].headers["content-type"] == "application/json"
    with pytest.raises(ValueError, match="Unterminated"):
        seen["garbage"].json()
    await desk.read("settings", session)


async def test_a_hanging_ehr_answers_nothing_and_recovers(desk: Desk):
    await desk.lab("faults", {"hang": True, "times": 1})
    with pytest.raises(ReadTimeout):
        await desk.http.get("/api/settings", timeout=0.2)
    assert refusal(await desk.http.get("/api/settings")) == (401, "session_expired")
    assert "fault:hang" in await _outcomes(desk)


async def test_a_lost_answer_comes_after_the_work_was_done(desk: Desk):
    await desk.lab("faults", {"lose_answer": True, "times": 1})
    with pytest.raises(ReadTimeout):
        await desk.http.post("/api/login", json={"username": "user_code", "password": "pass_good"}, timeout=0.5)
    counts = await desk.counts()
    assert (counts["requests"], counts["login_attempts"], counts["texts_sent"]) == (1, 1, 1)


async def test_slow_ms_delays_every_answer(desk: Desk):
    loop = asyncio.get_running_loop()
    await desk.lab("faults", {"slow_ms": 300})
    began = loop.time()
    await desk.http.get("/api/settings")
    assert loop.time() - began >= 0.3
    await desk.lab("faults", {})


async def test_faults_can_be_limited_to_a_path_and_a_number_of_requests(desk: Desk):
    session = await desk.session()
    await desk.lab("faults", {"down": True, "only_path": "/api/patients", "times": 2})
    await desk.read("settings", session)
    answers = [(await desk.get("patients", session)).status_code for _ in range(3)]
    assert answers == [503, 503, 200]
    assert (await desk.lab("faults"))["times"] == 0


async def test_drop_sessions_ends_each_session_before_it_is_used(desk: Desk):
    session = await desk.session()
    await desk.lab("faults", {"drop_sessions": True, "times": 1})
    assert refusal(await desk.get("settings", session)) == (401, "session_expired")
    await desk.read("settings", await desk.session())


async def test_an_unknown_fault_is_refused(desk: Desk):
    response = await desk.http.put("/api/_lab/faults", json={"fire": True})
    assert refusal(response) == (400, "bad_request")


async def test_the_clock_can_be_set_moved_stopped_and_put_back(desk: Desk):
    state = await desk.lab("clock", {"now": "2030-01-01T00:00:00+00:00", "frozen": True})
    assert state == {"now": "2030-01-01T00:00:00+00:00", "offset": 0.0, "frozen": True}
    state = await desk.lab("clock", {"advance": 90, "frozen": True})
    assert state["now"] == "2030-01-01T00:01:30+00:00"
    state = await desk.lab("clock", {"offset": 3600})
    assert state["frozen"] is False
    assert 3599 < state["offset"] <= 3600
    both = await desk.http.put("/api/_lab/clock", json={"offset": 0, "advance": 1})
    assert refusal(both) == (400, "bad_request")
    await desk.http.post("/api/_lab/reset")
    assert (await desk.lab("clock"))["offset"] == 0


async def test_the_log_tells_who_logged_in_how_often_and_never_a_secret(desk: Desk):
    challenge = await desk.challenge("user_code")
    await desk.step("code", challenge, code="999111")
    session = (await desk.step("code", challenge, code="123456")).json()["session"]
    await desk.log_in("user_good", "not-the-password")
    await desk.read("patients", session, last_name="Whitlock")
    await desk.http.post("/api/logout", headers={"Authorization": f"Bearer {session}"})
    log = await desk.lab("log")
    assert [(one["method"], one["path"], one["username"], one["outcome"]) for one in log["requests"]] == [
        ("POST", "/api/login", "user_code", "challenge:code"),
        ("POST", "/api/login/code", "", "wrong_code"),
        ("POST", "/api/login/code", "user_code", "session"),
        ("POST", "/api/login", "user_good", "wrong_credentials"),
        ("GET", "/api/patients", "user_code", "ok"),
        ("POST", "/api/logout", "user_code", "logged_out"),
    ]
    assert log["counts"] == {
        "requests": 6,
        "answered": 6,
        "login_attempts": 2,
        "logins": 1,
        "logouts": 1,
        "texts_sent": 1,
        "emails_sent": 0,
        "pushes_sent": 0,
    }
    text = str(log)
    for secret in ("pass_good", "not-the-password", "999111", "123456", session, challenge["id"], "Whitlock"):
        assert secret not in text


async def test_a_changed_password_makes_the_saved_one_wrong_and_keeps_open_sessions(desk: Desk):
    session = await desk.session()
    await desk.lab("users/user_good", {"password": "something-new"})
    await desk.read("settings", session)
    assert refusal(await desk.log_in("user_good")) == (401, "wrong_credentials")
    assert await desk.session("user_good", "something-new")


async def test_sessions_of_one_user_or_of_all_can_be_dropped(desk: Desk):
    good, clinics = await desk.session(), await desk.challenge("user_clinics")
    other = (await desk.step("clinic", clinics, clinic="1")).json()["session"]
    dropped = await desk.http.delete("/api/_lab/sessions", params={"username": "user_good"})
    assert dropped.json() == {"dropped": 1}
    assert refusal(await desk.get("settings", good)) == (401, "session_expired")
    await desk.read("settings", other)
    assert (await desk.http.delete("/api/_lab/sessions")).json() == {"dropped": 1}
    assert refusal(await desk.get("settings", other)) == (401, "session_expired")


async def test_users_can_be_made_and_changed(desk: Desk):
    body = {"password": "pass_new1", "mfa": "code", "clinics": ["2"], "name": "New Person"}
    made = await desk.lab("users/user_new", body)
    assert (made["name"], made["mfa"], made["clinics"]) == ("New Person", "code", ["2"])
    assert "password" not in made
    code = await desk.challenge("user_new", "pass_new1")
    assert (await desk.step("code", code, code="123456")).json()["clinic"]["id"] == "2"
    await desk.lab("users/user_new", {"mfa": "none", "must_change": True})
    assert refusal(await desk.log_in("user_new", "pass_new1")) == (403, "password_expired")
    await desk.lab("users/user_new", {"must_change": False, "locked": True})
    assert refusal(await desk.log_in("user_new", "pass_new1")) == (403, "locked")
    assert refusal(await desk.http.get("/api/_lab/users/nobody")) == (404, "not_found")


@pytest.mark.parametrize("body", [{"mfa": "code"}, {"password": "x", "clinics": ["9"]}, {"password": "x", "age": 3}])
async def test_a_user_that_makes_no_sense_is_refused(desk: Desk, body):
    assert refusal(await desk.http.put("/api/_lab/users/user_odd", json=body)) == (400, "bad_request")
    assert (await desk.http.get("/api/_lab/users/user_odd")).status_code == 404


async def test_reset_brings_the_first_day_back(desk: Desk):
    session = await desk.session()
    await desk.lab("users/user_good", {"password": "something-new"})
    await desk.lab("faults", {"down": True})
    assert (await desk.http.post("/api/_lab/reset")).status_code == 200
    assert refusal(await desk.get("settings", session)) == (401, "session_expired")
    assert await desk.session()
    assert (await desk.read("patients", await desk.session()))["total"] == 52


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "ehr.example.com"},
        {"Host": "10.0.0.7:80"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_the_lab_refuses_other_hosts_proxies_and_other_sites_pages(desk: Desk, headers):
    for method, path in (("GET", "log"), ("POST", "reset"), ("PUT", "clock"), ("DELETE", "sessions")):
        response = await desk.http.request(method, f"/api/_lab/{path}", headers=headers)
        assert refusal(response) == (403, "local_only")


async def test_the_lab_refuses_a_peer_that_is_not_this_machine():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # no packet is sent: it only asks which address of ours would be used
        except OSError:
            pytest.skip("This machine has no address besides loopback.")
        own = probe.getsockname()[0]
    async with running(host=own) as address, AsyncClient(base_url=address, trust_env=False) as http:
        headers = {"Host": "localhost"}
        assert refusal(await http.get("/api/_lab/log", headers=headers)) == (403, "local_only")
        assert (await http.get("/", headers=headers)).status_code == 200


async def _outcomes(desk: Desk) -> list[str]:
    return [entry["outcome"] for entry in (await desk.lab("log"))["requests"]]
