"""Which scopes a sign-in asks for: what the resources need, in the version and as far as the server publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from cobalt_link.connector import GrantedScopes, Scope, SmartConfiguration, parsed, written
from cobalt_link.connectors.smart.statement import Offered, Statement
from cobalt_link.connectors.smart.vendors import Vendor

Context: TypeAlias = Literal["user", "patient"]
WANTED: Mapping[str, str] = {
    "Patient": "rs", "Practitioner": "rs", "PractitionerRole": "rs", "Organization": "rs", "Location": "rs",
    "Appointment": "crus", "Schedule": "rs", "Slot": "rs", "Encounter": "rs", "DocumentReference": "crs",
    "Binary": "r", "ServiceRequest": "rs", "MedicationRequest": "rs", "DiagnosticReport": "rs", "Observation": "rs",
    "Task": "crs", "Communication": "cr", "Coverage": "rs",
}  # fmt: skip
_INTERACTIONS = {"c": ("create",), "r": ("read",), "u": ("update", "patch"), "s": ("search-type",)}


def asked(server: SmartConfiguration, statement: Statement, vendor: Vendor, context: Context) -> tuple[str, ...]:
    """The scopes to ask for. Many servers refuse a request with one scope that they do not know, so what they publish
    for this context is the limit; one that publishes nothing for it is asked for all."""
    published = [each for each in server.scopes if (scope := parsed(each)) and scope.context == context]
    limit, version = GrantedScopes(tuple(published)), _version(server, vendor)
    data = [
        scope
        for kind, letters in WANTED.items()
        for scope in _written(context, kind, _letters(statement, limit, kind, letters), version, published)
    ]
    return (*_identity(server, vendor, context), *data)


def context_of(vendor: Vendor, host: str, scopes: tuple[str, ...]) -> Context:
    """Whether a clinician signs in or a patient: by what the operator's registration asks for, else by the host."""
    found = [scope.context for each in scopes if (scope := parsed(each))]
    if found:
        return "patient" if all(each == "patient" for each in found) else "user"
    return "patient" if "launch/patient" in scopes or vendor.is_for_patients(host) else "user"


def _identity(server: SmartConfiguration, vendor: Vendor, context: Context) -> tuple[str, ...]:
    others = [each for each in server.scopes if parsed(each) is None]
    offline = (vendor.offline,) if vendor.offline in others or not _lists_access(server) else ()
    offline = offline or tuple(each for each in ("offline_access", "online_access") if each in others)[:1]
    return ("openid", "fhirUser", *offline, *(("launch/patient",) if context == "patient" else ()))


def _lists_access(server: SmartConfiguration) -> bool:
    """Whether the document lists scopes at length, so that what is missing there is refused. Some list four."""
    return any(parsed(each) for each in server.scopes)


def _version(server: SmartConfiguration, vendor: Vendor) -> Literal["v1", "v2"]:
    if vendor.scopes:
        return vendor.scopes
    fine = [each for each in server.scopes if parsed(each) and not each.endswith((".read", ".write", ".*"))]
    return "v2" if "permission-v2" in server.capabilities or fine else "v1"


def _letters(statement: Statement, limit: GrantedScopes, kind: str, letters: str) -> str:
    """Those that the server has. It need not name what it has: only writes are left out for not being named."""
    offered = statement.of(kind) if statement.types else Offered(("read", "search-type"))
    if statement.types and not offered.interactions:
        return ""
    has = [each for each in letters if each in "rs" or offered.can(*_INTERACTIONS[each])]
    return "".join(each for each in has if not limit.texts or limit.allows(kind, each))


def _written(
    context: Context, kind: str, letters: str, version: Literal["v1", "v2"], published: list[str]
) -> list[str]:
    if not letters:
        return []
    if version == "v1":
        parts = ["".join(each for each in letters if each in "rs"), "".join(each for each in letters if each in "cu")]
        return [written(context, kind, part, version) for part in parts if part]
    whole = written(context, kind, letters, version)
    if whole in published:
        return [whole]
    # Some servers join the letters in their own way, or publish more of them than we need.
    v2 = [each for each in published if not each.endswith((".read", ".write", ".*"))]
    wider = [each for each in v2 if (scope := parsed(each)) and scope.resource == kind and _holds(scope, letters)]
    return [min(wider, key=len)] if wider else [whole]


def _holds(scope: Scope, letters: str) -> bool:
    return scope.filter is None and set(letters) <= set(scope.interactions)
