"""Orders labs, images and procedures, and changes the state of an order."""

import sqlite3

from sandbox_ehr.clinic import patients, records
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.orders import ORDER
from sandbox_ehr.fhir.mapping.clinical import CATEGORIES, ORDER_STATUSES
from sandbox_ehr.fhir.outcome import FhirRefused, Resource
from sandbox_ehr.fhir.writes.given import client_ref, code_in, first, pointed_to, require, text_of

KINDS = {code: kind for kind, (code, _) in CATEGORIES.items() if kind != "referral"}
STATUSES = {word: ours for ours, word in ORDER_STATUSES.items()}


def create(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> str:
    patient = require(next(iter(pointed_to(resource, "subject", "Patient")), ""), "subject")
    patients.require(connection, context.clinic.id, patient, "subject")
    kind = KINDS.get(code_in(resource.get("category", []), KINDS), "lab")
    providers = pointed_to(resource, "requester", "Practitioner")
    known = {each.id for each in context.clinic.providers}
    row = {
        "patient_id": patient,
        "visit_id": next(iter(pointed_to(resource, "encounter", "Encounter")), ""),
        "provider_id": providers[0] if providers and providers[0] in known else "",
        "type": kind,
        "name": require(text_of(resource.get("code")), "code"),
        "code": first(resource, "code.coding.code") if kind == "lab" else "",
        "status": "pending",
        "ordered_on": context.today.isoformat(),
        "details": {},
        "lab_results": None,
        "client_ref": client_ref(resource),
    }
    return records.add(connection, context, ORDER, row)["id"]


def update(connection: sqlite3.Connection, context: ChartContext, row_id: str, resource: Resource) -> None:
    status = STATUSES.get(first(resource, "status"))
    if status is None:
        raise FhirRefused(422, "value", f"status must be one of {', '.join(STATUSES)}.")
    records.change(connection, context, ORDER, row_id, {"status": status})
