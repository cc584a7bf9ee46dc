"""The scopes that a registration needs: what to enter at the vendor, and what the doctor asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cobalt_link.oauth.discovery import SmartConfiguration
from cobalt_link.oauth.scopes import GrantedScopes, Version, parsed, written

IDENTITY: Final = ("openid", "fhirUser", "offline_access")
# What the resources of the API read and write, as letters of SMART v2: create, read, update, delete, search.
WANTED: Final[Mapping[str, str]] = {
    "Patient": "rs", "Practitioner": "rs", "PractitionerRole": "rs", "Organization": "rs", "Location": "rs",
    "Appointment": "crus", "Schedule": "rs", "Slot": "rs", "Encounter": "rs", "DocumentReference": "crs",
    "Binary": "r", "ServiceRequest": "rs", "MedicationRequest": "rs", "DiagnosticReport": "rs", "Observation": "rs",
    "Task": "crs", "Communication": "cr", "Coverage": "rs",
}  # fmt: skip
# The types that vendors differ in. For the others, all have what US Core asks for.
VARIES: Final = frozenset(
    {"Patient", "Appointment", "Schedule", "Slot", "DocumentReference", "ServiceRequest", "Task", "Communication",
     "Coverage"}
)  # fmt: skip


def needed(offers: Mapping[str, str]) -> dict[str, str]:
    """Letters by resource type: what the API needs and the vendor has. An empty table restricts nothing."""
    return {
        kind: has
        for kind, letters in WANTED.items()
        if (
            has := "".join(each for each in letters if not offers or kind not in VARIES or each in offers.get(kind, ""))
        )
    }


def data_scopes(offers: Mapping[str, str], version: Version) -> tuple[str, ...]:
    """One scope for each type, or in version 1 one for reading and one for writing."""
    found = []
    for kind, letters in needed(offers).items():
        parts = [letters] if version == "v2" else [_of(letters, "rs"), _of(letters, "cud")]
        found += [written("user", kind, part, version) for part in parts if part]
    return tuple(found)


def version_of(server: SmartConfiguration) -> Version:
    """The newest version that a server says it has."""
    fine = [each for each in server.scopes if parsed(each) and not each.endswith((".read", ".write", ".*"))]
    return "v2" if "permission-v2" in server.capabilities or fine else "v1"


def published(asked: Iterable[str], server: SmartConfiguration) -> tuple[str, ...]:
    """Those that a server publishes, if it publishes scopes for users at all: some refuse a request for one more."""
    known = GrantedScopes(tuple(each for each in server.scopes if (scope := parsed(each)) and scope.context == "user"))
    if not known.texts:
        return tuple(asked)
    lacks = set(known.lacks(asked))
    return tuple(each for each in asked if parsed(each) is None or each not in lacks)


def _of(letters: str, wanted: str) -> str:
    return "".join(each for each in letters if each in wanted)
