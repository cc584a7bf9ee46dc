"""Logins of the sandbox EHR on demand, by its lab. The lab answers only to programs on the EHR's own machine."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from cobalt_link.connector import EhrInstance, Http, TestLogin, Unsupported

PASSWORD = "pass_good"  # noqa: S105 - that of all its users
FAULTS = {
    "password_changed": "The user's password is pass_changed now, and all their sessions end.",
    "password_expired": "The user has to choose a new password, and all their sessions end.",
    "locked": "The user is locked until somebody unlocks them, and all their sessions end.",
    "code_required": "The user has a second factor now, and all their sessions end.",
    "session_ended": "All sessions of the user end.",
    "no_rights": "The user may see nothing of the chart, and all their sessions end.",
    "ehr_down": "The EHR answers nobody.",
    "ehr_busy": "The EHR asks everybody to wait.",
}
CHANGES: dict[str, dict[str, Any]] = {
    "password_changed": {"password": "pass_changed"},
    "password_expired": {"must_change": True},
    "locked": {"locked": True},
    "code_required": {"mfa": "code"},
    "no_rights": {"rights": []},
    "session_ended": {},
}
SWITCHES = {"ehr_down": {"down": True}, "ehr_busy": {"busy": True}}
WHOLE = {"password": PASSWORD, "locked": False, "must_change": False, "mfa": "none"}


async def new_login(http: Http, instance: EhrInstance) -> TestLogin:
    username = f"ci_{token_hex(6)}"
    await _put(http, instance, f"/users/{username}", {"password": PASSWORD, "name": "Casey Test"})
    return TestLogin(username, PASSWORD)


async def break_login(http: Http, instance: EhrInstance, username: str, fault: str) -> None:
    if fault in SWITCHES:
        await _put(http, instance, "/faults", SWITCHES[fault])
        return
    await _put(http, instance, f"/users/{username}", CHANGES[fault])
    await _call(http, "DELETE", instance, f"/sessions?username={username}", None)


async def repair_login(http: Http, instance: EhrInstance, username: str) -> None:
    await _put(http, instance, "/faults", {})
    rights = await _call(http, "GET", instance, "/users/user_good", None)
    await _put(http, instance, f"/users/{username}", {**WHOLE, "rights": rights["rights"]})


async def _put(http: Http, instance: EhrInstance, path: str, body: dict[str, Any]) -> None:
    await _call(http, "PUT", instance, path, body)


async def _call(http: Http, method: str, instance: EhrInstance, path: str, body: dict[str, Any] | None) -> Any:
    answer = await http.request(method, instance.at(f"/api/_lab{path}"), json=body)
    if answer.status != 200:
        raise Unsupported(what="lab")  # it answers only on its own machine
    return answer.json()
