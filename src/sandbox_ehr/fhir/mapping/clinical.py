"""Medications, allergies, orders and lab results as FHIR resources."""

import sqlite3
from collections.abc import Iterator

from sandbox_ehr.clinic import patients
from sandbox_ehr.clinic.allergies import SNOMED, Allergy, allergies_of
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_patients import Patient, PatientMedication
from sandbox_ehr.clinic.orders import ORDER
from sandbox_ehr.clinic.patients import PatientQuery
from sandbox_ehr.clinic.records import Row
from sandbox_ehr.clinic.referrals import REFERRAL
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.rows import patient_of, person, practitioner, rows_of
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import (
    ICD10,
    LOINC,
    UCUM,
    client_identifier,
    concept,
    filled,
    meta,
    reference,
    terminology,
)

ORDER_STATUSES = {"pending": "active", "completed": "completed", "cancelled": "revoked"}
MEDICATION_STATUSES = {"pending": "active", "completed": "completed", "cancelled": "cancelled"}
REFERRAL_STATUSES = {"open": "active", "scheduled": "active", "closed": "completed"}
CATEGORIES = {
    "lab": ("108252007", "Laboratory procedure"),
    "imaging": ("363679005", "Imaging"),
    "procedure": ("387713003", "Surgical procedure"),
    "referral": ("3457005", "Patient referral"),
}


def load_medications(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    """The medications of the chart, whose ids begin with the patient's, and those that a visit ordered."""
    for patient in _patients(connection, context, hint):
        for place, each in enumerate(patient.medications, 1):
            yield _medication(context, patient, place, each)
    for row in rows_of(connection, context, ORDER, hint):
        if row["type"] == "medication":
            yield _ordered_medication(context, row)


def load_allergies(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for patient in _patients(connection, context, hint):
        for place, each in enumerate(allergies_of(patient.id), 1):
            yield _allergy(patient, place, each)


def load_observations(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for row in rows_of(connection, context, ORDER, hint, hint.only_id.partition("-")[0]):
        for place, result in enumerate((row["lab_results"] or {}).get("results", []), 1):
            yield _observation(context, row, place, result)


def load_requests(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for row in rows_of(connection, context, ORDER, hint):
        if row["type"] != "medication":
            yield _order(context, row)
    for row in rows_of(connection, context, REFERRAL, hint):
        yield _referral(context, row)


def _patients(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> list[Patient]:
    wanted = hint.patient or hint.only_id.partition("-")[0]
    if wanted:
        patient = patients.one(connection, context.clinic.id, wanted)
        return [patient] if patient else []
    found: list[Patient] = []
    while True:
        total, page = patients.find(connection, context.clinic.id, PatientQuery(offset=len(found), limit=200))
        found += page
        if len(found) >= total:
            return found


def _medication(context: ChartContext, patient: Patient, place: int, each: PatientMedication) -> Resource:
    return filled(
        {
            "resourceType": "MedicationRequest",
            "id": f"{patient.id}-m{place}",
            "meta": meta(patient.updated_at, "medicationrequest"),
            "status": "active",
            "intent": "order",
            "reportedBoolean": False,
            "medicationCodeableConcept": {"text": f"{each.name} {each.strength}"},
            "subject": reference("Patient", patient.id),
            "authoredOn": each.started_on,
            "requester": practitioner(context, patient.provider_id),
            "note": [{"text": each.notes}] if each.notes else [],
            "dosageInstruction": [{"text": each.frequency}],
            "dispenseRequest": {"numberOfRepeatsAllowed": each.refills},
        }
    )


def _ordered_medication(context: ChartContext, row: Row) -> Resource:
    details = row["details"]
    return filled(
        _of_order(context, row, "MedicationRequest")
        | {
            "meta": meta(row["updated_at"], "medicationrequest"),
            "status": MEDICATION_STATUSES[row["status"]],
            "medicationCodeableConcept": {"text": f"{row['name']} {details.get('strength', '')}".strip()},
            "dosageInstruction": [{"text": details["frequency"]}] if details.get("frequency") else [],
            "dispenseRequest": {"numberOfRepeatsAllowed": details.get("refills", 0)},
        }
    )


def _allergy(patient: Patient, place: int, allergy: Allergy) -> Resource:
    reaction = [{"manifestation": [{"text": allergy.reaction}]}] if allergy.reaction else []
    return filled(
        {
            "resourceType": "AllergyIntolerance",
            "id": f"{patient.id}-a{place}",
            "meta": meta(patient.updated_at, "allergyintolerance"),
            "clinicalStatus": concept(terminology("allergyintolerance-clinical"), "active"),
            "verificationStatus": concept(terminology("allergyintolerance-verification"), "confirmed"),
            "category": [allergy.category] if allergy.category else [],
            "criticality": allergy.criticality,
            "code": concept(allergy.system, allergy.code, allergy.substance),
            "patient": reference("Patient", patient.id),
            "recordedDate": patient.created_at,
            "reaction": reaction,
        }
    )


def _observation(context: ChartContext, row: Row, place: int, result: Row) -> Resource:
    low, _, high = result["range"].partition("-")
    quantity = {"unit": result["unit"], "system": UCUM, "code": result["unit"]}
    flag = [concept(terminology("v3-ObservationInterpretation"), result["flag"], "High")] if result["flag"] else []
    return filled(
        {
            "resourceType": "Observation",
            "id": f"{row['id']}-{place}",
            "meta": meta(row["updated_at"], "observation-lab"),
            "basedOn": [reference("ServiceRequest", row["id"])],
            "status": "final",
            "category": [concept(terminology("observation-category"), "laboratory", "Laboratory")],
            "code": concept(LOINC, result["code"], result["name"]),
            "subject": patient_of(row),
            "encounter": reference("Encounter", row["visit_id"]),
            "effectiveDateTime": row["created_at"],
            "performer": [practitioner(context, row["provider_id"])],
            "valueQuantity": {"value": float(result["value"]), **quantity},
            "interpretation": flag,
            "referenceRange": [{"low": {"value": float(low), **quantity}, "high": {"value": float(high), **quantity}}],
        }
    )


def _of_order(context: ChartContext, row: Row, kind: str) -> Resource:
    return {
        "resourceType": kind,
        "id": row["id"],
        "identifier": client_identifier(row["client_ref"]),
        "intent": "order",
        "subject": patient_of(row),
        "encounter": reference("Encounter", row["visit_id"]),
        "authoredOn": row["created_at"],
        "requester": practitioner(context, row["provider_id"]),
    }


def _order(context: ChartContext, row: Row) -> Resource:
    details = [f"{name.replace('_', ' ')}: {value}" for name, value in row["details"].items()]
    code = concept(LOINC, row["code"], row["name"]) if row["code"] else {"text": row["name"]}
    return filled(
        _of_order(context, row, "ServiceRequest")
        | {
            "meta": meta(row["updated_at"], "servicerequest"),
            "status": ORDER_STATUSES[row["status"]],
            "category": [concept(SNOMED, *CATEGORIES[row["type"]])],
            "code": code,
            "note": [{"text": each} for each in details],
        }
    )


def _referral(context: ChartContext, row: Row) -> Resource:
    priorities = {"routine": "routine", "urgent": "urgent", "stat": "stat"}
    return filled(
        {
            "resourceType": "ServiceRequest",
            "id": row["id"],
            "meta": meta(row["updated_at"], "servicerequest"),
            "identifier": client_identifier(row["client_ref"]),
            "status": REFERRAL_STATUSES.get(row["status"], "active"),
            "intent": "order",
            "category": [concept(SNOMED, *CATEGORIES["referral"])],
            "priority": priorities.get(row["priority"], "routine"),
            "code": {"text": row["reason"]},
            "subject": patient_of(row),
            "authoredOn": row["created_at"],
            "requester": filled({"display": row["from_provider"]}) or person(context, row["created_by"]),
            "performer": [{"display": row["to_provider"]}] if row["to_provider"] else [],
            "reasonCode": [concept(ICD10, code) for code in row["icd10"]],
            "supportingInfo": [reference("DocumentReference", each) for each in row["document_ids"]],
        }
    )
