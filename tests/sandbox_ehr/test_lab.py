"""The lab: faults, clock, log, users and reset. With it, a test makes the EHR misbehave and sees what an app did."""

import asyncio
import socket
from typing import Any

import pytest
from httpx2 import AsyncClient, ReadTimeout

from sandbox_ehr.server import running
from tests.support.sandbox_client import SandboxClient, refusal


async def test_down_http_500_garbage_and_busy_answer_as_documented(ehr: SandboxClient) -> None:
    session = await ehr.session()
    seen = {}
    for switch in ("down", "http_500", "garbage", "busy"):
        await ehr.lab("faults", {switch: True})
        seen[switch] = await ehr.get("settings", session)
    await ehr.lab("faults", {})
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
    await ehr.read("settings", session)


async def test_a_hanging_ehr_gives_no_answer_and_recovers(ehr: SandboxClient) -> None:
    await ehr.lab("faults", {"hang": True, "times": 1})
    with pytest.raises(ReadTimeout):
        await ehr.http.get("/api/settings", timeout=0.2)
    assert refusal(await ehr.http.get("/api/settings")) == (401, "session_expired")
    assert "fault:hang" in await _outcomes(ehr)


async def test_a_lost_answer_does_the_work_and_sends_nothing(ehr: SandboxClient) -> None:
    await ehr.lab("faults", {"lose_answer": True, "times": 1})
    with pytest.raises(ReadTimeout):
        await ehr.http.post("/api/login", json={"username": "user_code", "password": "pass_good"}, timeout=0.5)
    counts = await ehr.counts()
    assert (counts["requests"], counts["login_attempts"], counts["texts_sent"]) == (1, 1, 1)


async def test_slow_ms_delays_every_answer(ehr: SandboxClient) -> None:
    loop = asyncio.get_running_loop()
    await ehr.lab("faults", {"slow_ms": 300})
    began = loop.time()
    await ehr.http.get("/api/settings")
    assert loop.time() - began >= 0.3
    await ehr.lab("faults", {})


async def test_faults_can_be_limited_to_a_path_and_to_a_number_of_requests(ehr: SandboxClient) -> None:
    session = await ehr.session()
    await ehr.lab("faults", {"down": True, "only_path": "/api/patients", "times": 2})
    await ehr.read("settings", session)
    answers = [(await ehr.get("patients", session)).status_code for _ in range(3)]
    assert answers == [503, 503, 200]
    assert (await ehr.lab("faults"))["times"] == 0


async def test_drop_sessions_ends_each_session_before_it_is_used(ehr: SandboxClient) -> None:
    session = await ehr.session()
    await ehr.lab("faults", {"drop_sessions": True, "times": 1})
    assert refusal(await ehr.get("settings", session)) == (401, "session_expired")
    await ehr.read("settings", await ehr.session())


async def test_an_unknown_fault_is_refused(ehr: SandboxClient) -> None:
    response = await ehr.http.put("/api/_lab/faults", json={"fire": True})
    assert refusal(response) == (400, "bad_request")


async def test_the_clock_can_be_set_moved_stopped_and_reset(ehr: SandboxClient) -> None:
    state = await ehr.lab("clock", {"now": "2030-01-01T00:00:00+00:00", "frozen": True})
    assert state == {"now": "2030-01-01T00:00:00+00:00", "offset": 0.0, "frozen": True}
    state = await ehr.lab("clock", {"advance": 90, "frozen": True})
    assert state["now"] == "2030-01-01T00:01:30+00:00"
    state = await ehr.lab("clock", {"offset": 3600})
    assert state["frozen"] is False
    assert 3599 < state["offset"] <= 3600
    both = await ehr.http.put("/api/_lab/clock", json={"offset": 0, "advance": 1})
    assert refusal(both) == (400, "bad_request")
    await ehr.http.post("/api/_lab/reset")
    assert (await ehr.lab("clock"))["offset"] == 0


async def test_the_log_shows_who_logged_in_and_how_often_but_no_secret(ehr: SandboxClient) -> None:
    challenge = await ehr.challenge("user_code")
    await ehr.step("code", challenge, code="999111")
    session = (await ehr.step("code", challenge, code="123456")).json()["session"]
    await ehr.log_in("user_good", "not-the-password")
    await ehr.read("patients", session, last_name="Whitlock")
    await ehr.http.post("/api/logout", headers={"Authorization": f"Bearer {session}"})
    log = await ehr.lab("log")
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
        "codes_exchanged": 0,
        "refreshes": 0,
    }
    text = str(log)
    for secret in ("pass_good", "not-the-password", "999111", "123456", session, challenge["id"], "Whitlock"):
        assert secret not in text


async def test_a_changed_password_keeps_open_sessions_and_refuses_the_old_one(ehr: SandboxClient) -> None:
    session = await ehr.session()
    await ehr.lab("users/user_good", {"password": "something-new"})
    await ehr.read("settings", session)
    assert refusal(await ehr.log_in("user_good")) == (401, "wrong_credentials")
    assert await ehr.session("user_good", "something-new")


async def test_the_sessions_of_one_user_or_of_all_can_be_ended(ehr: SandboxClient) -> None:
    good, clinics = await ehr.session(), await ehr.challenge("user_clinics")
    other = (await ehr.step("clinic", clinics, clinic="1")).json()["session"]
    dropped = await ehr.http.delete("/api/_lab/sessions", params={"username": "user_good"})
    assert dropped.json() == {"dropped": 1}
    assert refusal(await ehr.get("settings", good)) == (401, "session_expired")
    await ehr.read("settings", other)
    assert (await ehr.http.delete("/api/_lab/sessions")).json() == {"dropped": 1}
    assert refusal(await ehr.get("settings", other)) == (401, "session_expired")


async def test_users_can_be_created_and_changed(ehr: SandboxClient) -> None:
    body = {"password": "pass_new1", "mfa": "code", "clinics": ["2"], "name": "New Person"}
    made = await ehr.lab("users/user_new", body)
    assert (made["name"], made["mfa"], made["clinics"]) == ("New Person", "code", ["2"])
    assert "password" not in made
    code = await ehr.challenge("user_new", "pass_new1")
    assert (await ehr.step("code", code, code="123456")).json()["clinic"]["id"] == "2"
    await ehr.lab("users/user_new", {"mfa": "none", "must_change": True})
    assert refusal(await ehr.log_in("user_new", "pass_new1")) == (403, "password_expired")
    await ehr.lab("users/user_new", {"must_change": False, "locked": True})
    assert refusal(await ehr.log_in("user_new", "pass_new1")) == (403, "locked")
    assert refusal(await ehr.http.get("/api/_lab/users/nobody")) == (404, "not_found")


@pytest.mark.parametrize("body", [{"mfa": "code"}, {"password": "x", "clinics": ["9"]}, {"password": "x", "age": 3}])
async def test_an_invalid_user_is_refused(ehr: SandboxClient, body: dict[str, Any]) -> None:
    assert refusal(await ehr.http.put("/api/_lab/users/user_odd", json=body)) == (400, "bad_request")
    assert (await ehr.http.get("/api/_lab/users/user_odd")).status_code == 404


async def test_reset_returns_everything_to_the_first_day(ehr: SandboxClient) -> None:
    session = await ehr.session()
    await ehr.lab("users/user_good", {"password": "something-new"})
    await ehr.lab("faults", {"down": True})
    assert (await ehr.http.post("/api/_lab/reset")).status_code == 200
    assert refusal(await ehr.get("settings", session)) == (401, "session_expired")
    assert await ehr.session()
    assert (await ehr.read("patients", await ehr.session()))["total"] == 300


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
async def test_the_lab_refuses_other_hosts_proxies_and_other_sites_pages(
    ehr: SandboxClient, headers: dict[str, str]
) -> None:
    for method, path in (("GET", "log"), ("POST", "reset"), ("PUT", "clock"), ("DELETE", "sessions")):
        response = await ehr.http.request(method, f"/api/_lab/{path}", headers=headers)
        assert refusal(response) == (403, "local_only")


async def test_the_lab_refuses_a_peer_that_is_not_this_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # Sends no packet. It only asks which of our addresses would be used.
        except OSError:
            pytest.skip("This machine has no address besides loopback.")
        own = probe.getsockname()[0]
    async with running(host=own) as address, AsyncClient(base_url=address, trust_env=False, verify=False) as http:
        headers = {"Host": "localhost"}
        assert refusal(await http.get("/api/_lab/log", headers=headers)) == (403, "local_only")
        assert (await http.get("/", headers=headers)).status_code == 200


async def _outcomes(ehr: SandboxClient) -> list[str]:
    return [entry["outcome"] for entry in (await ehr.lab("log"))["requests"]]
