"""SMART scopes of both versions: which are granted, and what they allow (SMART App Launch 2.2, scopes)."""

import re
from urllib.parse import parse_qsl

import msgspec

from sandbox_ehr.grants.apps import App
from sandbox_ehr.twins import Twin

TEXTS = {
    "openid": "Know who you are",
    "profile": "See your name",
    "fhirUser": "Know which record of the EHR is you",
    "launch": "Know which patient is open",
    "launch/patient": "Ask you to choose a patient",
    "launch/encounter": "Know which visit is open",
    "offline_access": "Keep access while you are away",
    "online_access": "Keep access while you are signed in",
}
CONTEXTS = {"patient": "of one patient", "user": "that you may see"}
KINDS = {
    "AllergyIntolerance": "allergies", "Appointment": "appointments", "Binary": "files", "Claim": "claims",
    "Communication": "messages", "Condition": "problems", "Coverage": "insurance plans",
    "DocumentReference": "notes and documents", "Encounter": "visits", "Location": "locations",
    "MedicationRequest": "prescriptions", "Observation": "results", "Organization": "organizations",
    "Patient": "patients", "Practitioner": "providers", "PractitionerRole": "roles of providers",
    "Schedule": "schedules", "ServiceRequest": "orders", "Slot": "open times", "Task": "tasks",
}  # fmt: skip
_SCOPE = re.compile(r"(patient|user)/([A-Za-z]+|\*)\.([a-z]+|\*)(?:\?(.+))?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V2 = re.compile(r"c?r?u?d?s?")
_LETTERS = {"r": "read", "s": "find", "c": "add", "u": "change", "d": "remove"}


class DataScope(msgspec.Struct, frozen=True):
    """`letters` are of `cruds`. `limits` restrict it to records that match, such as `{"category": "…"}`."""

    context: str
    kind: str
    letters: str
    version: str
    limits: dict[str, str] = {}


def parsed(text: str) -> DataScope | None:
    """None for a scope that is not about data, and for one that nobody can read."""
    found = _SCOPE.fullmatch(text)
    if found is None:
        return None
    context, kind, letters, limits = found.groups()
    if letters in _V1 and not limits:
        return DataScope(context, kind, _V1[letters], "v1")
    if not _V2.fullmatch(letters):
        return None
    return DataScope(context, kind, letters, "v2", dict(parse_qsl(limits or "")))


def offered(asked: tuple[str, ...], app: App, twin: Twin, own_patient: str, *, is_launch: bool) -> list[str]:
    """Those of the scopes asked for that the consent page offers. The others are dropped without a word."""
    return [text for text in dict.fromkeys(asked) if _is_offered(text, app, twin, own_patient, is_launch=is_launch)]


def _is_offered(text: str, app: App, twin: Twin, own_patient: str, *, is_launch: bool) -> bool:
    if app.scopes and text not in app.scopes:
        return False
    scope = parsed(text)
    if scope is None:
        return text in TEXTS and not (text == "offline_access" and not app.offline) and (text != "launch" or is_launch)
    if own_patient and scope.context != "patient":
        return False
    if scope.version not in twin.scope_versions or app.scope_version not in ("any", scope.version):
        return False
    return scope.kind == "*" or not twin.resources or scope.kind in twin.resources


def described(text: str) -> str:
    """A scope in the words of the consent page."""
    scope = parsed(text)
    if scope is None:
        return TEXTS.get(text, text)
    verbs = [_LETTERS[letter] for letter in "rscud" if letter in scope.letters]
    what = "every kind of record" if scope.kind == "*" else KINDS.get(scope.kind, scope.kind)
    limits = ", only ".join(["", *(f"{name} {value}" for name, value in scope.limits.items())])
    doing = " and ".join(each for each in (", ".join(verbs[:-1]), *verbs[-1:]) if each).capitalize()
    return f"{doing} {what} {CONTEXTS[scope.context]}{limits}"


def needs_patient(scopes: tuple[str, ...] | list[str]) -> bool:
    return "launch/patient" in scopes or any(text.startswith("patient/") for text in scopes)


def allowing(scopes: tuple[str, ...], kind: str, letter: str) -> list[DataScope]:
    """The scopes that allow this interaction with this resource type."""
    found = [scope for text in scopes if (scope := parsed(text)) is not None]
    return [scope for scope in found if scope.kind in (kind, "*") and letter in scope.letters]


def is_subset(wanted: tuple[str, ...], granted: tuple[str, ...]) -> bool:
    return set(wanted) <= set(granted)
