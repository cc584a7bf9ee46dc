"""A challenge as the API sends it and as the pages show it. docs/reference/sandbox-ehr.md describes each kind."""

from typing import Any

from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.login.limits import CODE_SECONDS, PUSH_SECONDS, RESEND_SECONDS
from sandbox_ehr.login.results import Challenge
from sandbox_ehr.login.sign_in import WAYS

# Where a code or a push goes, masked as a real EHR would show it. Every user of the sandbox has the same phone.
HINTS = {"text": "34", "email": "m•••••@riverside.example", "app": "", "push": "34"}


def challenge_members(challenge: Challenge, now: float) -> dict[str, Any]:
    sign_in = challenge.sign_in
    members: dict[str, Any] = {"id": challenge.id, "kind": sign_in.kind}
    if sign_in.kind in ("way", "push") and not sign_in.forced_error:
        members["ways"] = [{"way": way, "hint": HINTS[way]} for way in WAYS.get(challenge.account.mfa, ())]
    if sign_in.kind == "way":
        return members
    if sign_in.kind == "clinic":
        clinics = [CLINICS[clinic] for clinic in challenge.account.clinics]
        members["clinics"] = [{"id": clinic.id, "name": clinic.name, "city": clinic.city} for clinic in clinics]
    elif sign_in.kind == "push":
        expires_in = _seconds_left(sign_in.sent_at + PUSH_SECONDS, now)
        members |= {"number": sign_in.number, "hint": HINTS["push"], "expires_in": expires_in}
    elif sign_in.kind == "code":
        members |= {"way": sign_in.way, "hint": HINTS[sign_in.way], "digits": 6, "tries_left": sign_in.tries_left}
        if sign_in.way != "app":
            members["expires_in"] = _seconds_left(sign_in.sent_at + CODE_SECONDS, now)
            members["resend_in"] = _seconds_left(sign_in.sent_at + RESEND_SECONDS, now)
    return members


def _seconds_left(until: float, now: float) -> int:
    return max(0, round(until - now))
