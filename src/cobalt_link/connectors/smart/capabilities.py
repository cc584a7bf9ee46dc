"""What an account can do: the server's statement, what was granted, and what is known of the vendor, in this order.

"Not offered" and "not granted" are different answers, and neither is ever an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cobalt_link.connector import GrantedScopes, Offering
from cobalt_link.connectors.smart.statement import Offered, Statement
from cobalt_link.connectors.smart.vendors import Vendor

DAYS = ("date", "-date-or-req-period")


class Needs(msgspec.Struct, frozen=True):
    """What a capability needs: one of the resource types, and these interactions on it, in letters of SMART scopes.
    `parameters`: a search needs one of them."""

    types: tuple[str, ...]
    letters: str
    parameters: tuple[str, ...] = ()


READS: Mapping[str, Needs] = {
    "appointments": Needs(("Appointment",), "s", DAYS),
    "slots": Needs(("Slot",), "s"),
    "patients": Needs(("Patient",), "s"),
    "patient_insurances": Needs(("Coverage",), "s"),
    "notes": Needs(("DocumentReference",), "s"),
    "documents": Needs(("DocumentReference",), "s"),
    "document_files": Needs(("DocumentReference",), "r"),
    "orders": Needs(("ServiceRequest", "MedicationRequest"), "s"),
    "tasks": Needs(("Task",), "s"),
    "providers": Needs(("Practitioner", "PractitionerRole"), "rs"),
    "locations": Needs(("Location",), "rs"),
}
WRITES: Mapping[str, Needs] = {
    "appointments.create": Needs(("Appointment",), "c"),
    "appointments.update": Needs(("Appointment",), "u"),
    "notes.create": Needs(("DocumentReference",), "c"),
    "documents.create": Needs(("DocumentReference",), "c"),
    "patient_notes.create": Needs(("DocumentReference",), "c"),
    "tasks.create": Needs(("Task",), "c"),
    "messages.create": Needs(("Communication",), "c"),
}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "appointments.create": ("duration", "note", "reason"),
    "appointments.update": ("status", "cancel", "note", "start", "duration"),
    "notes.create": ("text", "parts", "sign"),
    "documents.create": ("notes",),
    "patient_notes.create": (),
    "tasks.create": ("subject", "assignee_ehr_id"),
    "messages.create": (),
}
# Filters of lists, with the search parameters that serve them.
PATIENTS = {
    "dob": ("birthdate",),
    "first_name": ("given", "name"),
    "last_name": ("family", "name"),
    "mrn": ("identifier",),
    "phone": ("phone", "telecom"),
}
OF_A_PATIENT = ("patient_insurances", "notes", "documents", "orders")
_INTERACTIONS = {"r": ("read",), "s": ("search-type",), "c": ("create",), "u": ("update", "patch")}


def offers(statement: Statement, granted: GrantedScopes, vendor: Vendor) -> Offering:
    """What the API offers for an account."""
    reads: dict[str, tuple[str, ...]] = {}
    writes: dict[str, tuple[str, ...]] = {}
    reasons: dict[str, str] = {}
    not_granted: list[str] = []
    for name, needs in {**READS, **WRITES}.items():
        has = [kind for kind in needs.types if _has(statement.of(kind), needs)]
        if not has:
            reasons[name] = _reason(vendor.name, statement.of(needs.types[0]), needs)
        elif not any(_may(granted, kind, needs, statement.of(kind)) for kind in has):
            not_granted.append(name)
        elif name in READS:
            reads[name] = _filters(name, statement)
        else:
            writes[name] = FIELDS[name]
    required = {name: ("patient_mrn",) for name in ("notes", "documents") if name in reads}
    if "tasks.create" in writes:
        required["tasks.create"] = ("assignee_ehr_id",)
    return Offering(
        ehr=None if vendor.key == "other" else vendor.name,
        reads=reads,
        writes=writes,
        required=required,
        reasons=reasons,
        not_granted=tuple(not_granted),
        appointment_days=31 if vendor.schedule == "practitioner" else None,
    )


def _has(offered: Offered, needs: Needs) -> bool:
    """Providers and locations can be read one by one where a server has no search for them."""
    one_of = [each for letter in needs.letters for each in _INTERACTIONS[letter]]
    found = offered.takes(*needs.parameters) is not None if needs.parameters else True
    return offered.can(*one_of) and (found or not offered.parameters)


def _may(granted: GrantedScopes, kind: str, needs: Needs, offered: Offered) -> bool:
    letters = [letter for letter in needs.letters if offered.can(*_INTERACTIONS[letter])]
    return any(granted.allows(kind, letter) for letter in letters)


def _reason(ehr: str, offered: Offered, needs: Needs) -> str:
    kind = needs.types[0]
    article = "an" if kind[0] in "AEIO" else "a"
    if needs.letters in ("c", "u"):
        what = {"c": "create", "u": "change"}[needs.letters]
        return f"{ehr}’s FHIR server lets nobody {what} {article} {kind}."
    if not offered.interactions:
        return f"{ehr}’s FHIR server has no {kind}."
    if offered.can("search-type"):
        return f"{ehr}’s FHIR server finds {article} {kind} by its id only."
    return f"{ehr}’s FHIR server has no search for {kind}."


def _filters(name: str, statement: Statement) -> tuple[str, ...]:
    if name == "patients":
        known = statement.of("Patient")
        # Without declared parameters, all that US Core asks for is tried.
        found = [each for each, serve in PATIENTS.items() if known.takes(*serve) or not known.parameters]
        return (*found, "ehr_id")
    if name == "appointments":
        return ("patient_ehr_id",) if statement.of("Appointment").takes("patient") else ()
    if name == "tasks":
        task = statement.of("Task")
        return (*(("patient_ehr_id",) if task.takes("patient", "subject") else ()), "ehr_id", "assignee_ehr_id")
    if name in ("notes", "documents"):
        return ("patient_ehr_id", "ehr_id")
    if name == "slots":
        return ("provider_ehr_id",) if statement.of("Slot").takes("schedule.actor", "schedule") else ()
    return ("patient_ehr_id",) if name in OF_A_PATIENT else ()
