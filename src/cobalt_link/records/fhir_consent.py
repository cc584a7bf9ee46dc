"""What an account's user was told of each FHIR resource type: what an app may read and write there through /v1/fhir.

A type that no line of the consent speaks of is refused, however much the EHR granted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported
from cobalt_link.connector.fhir import FhirRequest
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.topics import Topic, topics_of
from cobalt_link.connector.writes import WriteCapability
from cobalt_link.records.writes.accept import WriteNotAllowed
from cobalt_link.web.problems import Problem

SEARCH = "/_search"
TYPE = re.compile(r"[A-Z][A-Za-z]+")
INCLUDES = ("_include", "_revinclude")

# One of these topics has to be in the consent.
READS: Mapping[str, tuple[Topic, ...]] = {
    "Appointment": ("visits",),
    "Binary": ("documents", "notes"),
    "Claim": ("billing",),
    "Communication": ("tasks",),
    "Condition": ("diagnoses",),
    "Coverage": ("insurance",),
    "DiagnosticReport": ("orders",),
    "DocumentReference": ("documents", "notes"),
    "Encounter": ("visits",),
    "Location": ("locations",),
    "MedicationRequest": ("medications", "orders"),
    "Observation": ("orders",),
    "Organization": ("practice", "locations"),
    "Patient": ("people",),
    "Practitioner": ("providers",),
    "PractitionerRole": ("providers",),
    "Schedule": ("openings",),
    "ServiceRequest": ("orders", "referrals"),
    "Slot": ("openings",),
    "Task": ("tasks",),
}
# One of these writes has to be allowed.
WRITES: Mapping[tuple[str, str], tuple[WriteCapability, ...]] = {
    ("POST", "Appointment"): ("appointments.create",),
    ("PUT", "Appointment"): ("appointments.update",),
    ("POST", "Claim"): ("claims.create",),
    ("POST", "Communication"): ("messages.create",),
    ("POST", "Coverage"): ("insurances.create",),
    ("PUT", "Coverage"): ("insurances.update",),
    ("POST", "DocumentReference"): ("notes.create", "patient_notes.create", "documents.create"),
    ("PUT", "DocumentReference"): ("notes.update",),
    ("POST", "Patient"): ("patients.create",),
    ("PUT", "Patient"): ("patients.update",),
    ("POST", "ServiceRequest"): ("referrals.create",),
    ("POST", "Task"): ("tasks.create",),
}


class NotInConsent(Problem):
    """The account's user was not asked to share this type of FHIR resource. Leave it out. The types are in the
    documentation of /v1/fhir."""

    code = "not_in_consent"
    status = 403


def is_read(request: FhirRequest) -> bool:
    return request.method == "GET" or request.path.endswith(SEARCH)


def check(account: Account, manifest: Manifest, request: FhirRequest) -> None:
    """Raises NotInConsent, WriteNotAllowed, or NotSupported for what is no type of FHIR."""
    if (request.method, request.path) == ("GET", "metadata"):
        return
    kind = request.path.partition("/")[0]
    if not TYPE.fullmatch(kind):
        raise NotSupported(f"This is no path of a FHIR resource type: {request.path[:100]}.")
    if not is_read(request):
        needed = WRITES.get((request.method, kind), ())
        if set(needed).isdisjoint(account.writes):
            wanted = f"It needs {' or '.join(needed)}." if needed else "No write in the consent covers it."
            raise WriteNotAllowed(f"The account's user has not allowed this app to {request.method} a {kind}. {wanted}")
        return
    shown = _shown(account, manifest)
    for each in (kind, *_included(request)):
        if shown.isdisjoint(READS.get(each, ())):
            raise NotInConsent(f"The account's user was not asked to share {each} of FHIR. Leave it out.")


def _shown(account: Account, manifest: Manifest) -> set[Topic]:
    """The topics of the consent. What the EHR has and did not grant was in it too."""
    offers = account.offers
    reads = [each for each in manifest.reads if not offers or each in offers.reads or each in offers.not_granted]
    return set(topics_of(reads, manifest.without))


def _included(request: FhirRequest) -> Iterable[str]:
    """The types that a search brings along. One that does not name them could bring anything."""
    body = parse_qsl((request.body or b"").decode("utf-8", "replace")) if request.path.endswith(SEARCH) else []
    for name, value in (*request.query, *body):
        if name.partition(":")[0] not in INCLUDES:
            continue
        source, _, rest = value.partition(":")
        kind = source if name.startswith("_rev") else rest.partition(":")[2]
        if not TYPE.fullmatch(kind):
            raise NotInConsent(
                f"Name the type that {name} brings along (_include=Appointment:patient:Patient), or leave it out."
            )
        yield kind
