"""Visits that have begun as encounters, and what was diagnosed in them as conditions."""

import sqlite3
from collections.abc import Iterator

import msgspec

from sandbox_ehr.clinic import records
from sandbox_ehr.clinic.context import ChartContext, user_of
from sandbox_ehr.clinic.made_up_visits import DIAGNOSES
from sandbox_ehr.clinic.notes import NOTE
from sandbox_ehr.clinic.visits import Visit
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.places import organization_id
from sandbox_ehr.fhir.mapping.rows import person, practitioner
from sandbox_ehr.fhir.mapping.schedule import TYPES, VISIT_TYPE, visits_of
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import ICD10, concept, filled, meta, reference, terminology

STATUSES = {"CHKIN": "in-progress", "DONE": "finished"}
CLASSES = {"office": ("AMB", "ambulatory"), "video": ("VR", "virtual")}


def load_encounters(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for visit in visits_of(connection, context, hint):
        status = STATUSES.get(visit.status_at(context.now))
        if status:
            yield _encounter(context, visit, status)


def load_conditions(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    """The id is that of the visit and the code."""
    narrow = msgspec.structs.replace(hint, ids=tuple(each.partition("-")[0] for each in hint.ids))
    done = [each for each in visits_of(connection, context, narrow) if each.status_at(context.now) == "DONE"]
    notes = records.of_parents(connection, context, NOTE, [visit.id for visit in done])
    codes: dict[str, list[str]] = {}
    for note in notes:
        codes.setdefault(note["visit_id"], []).extend(note["icd10"])
    for visit in done:
        for code in dict.fromkeys(codes.get(visit.id, [])):
            yield _condition(context, visit, code)


def _encounter(context: ChartContext, visit: Visit, status: str) -> Resource:
    details, kind = visit.details, TYPES[visit.details.type]
    code, display = CLASSES[visit.mode]
    end = {"end": context.shown(visit.ends_at)} if status == "finished" else {}
    places = {each.id: each.name for each in context.clinic.locations}
    patient = visit.patient
    return filled(
        {
            "resourceType": "Encounter",
            "id": visit.id,
            "meta": meta(context.shown(min(visit.ends_at, context.now)), "encounter"),
            "status": status,
            "class": {"system": terminology("v3-ActCode"), "code": code, "display": display},
            "type": [concept(VISIT_TYPE, kind.code, kind.description)],
            "subject": reference("Patient", patient.id, f"{patient.first_name} {patient.last_name}"),
            "participant": [
                {"individual": practitioner(context, each)}
                for each in (details.provider_id, details.second_provider_id)
                if each
            ],
            "appointment": [reference("Appointment", visit.id)],
            "period": {"start": context.shown(visit.starts_at)} | end,
            "reasonCode": [{"text": details.reason}] if details.reason else [],
            "location": [{"location": reference("Location", details.location_id, places.get(details.location_id, ""))}],
            "serviceProvider": reference("Organization", organization_id(context), context.clinic.name),
        }
    )


def _condition(context: ChartContext, visit: Visit, code: str) -> Resource:
    text = DIAGNOSES.get(code, "")
    return {
        "resourceType": "Condition",
        "id": f"{visit.id}-{code.replace('.', '')}",
        "meta": meta(context.shown(visit.ends_at), "condition-encounter-diagnosis"),
        "clinicalStatus": concept(terminology("condition-clinical"), "active"),
        "verificationStatus": concept(terminology("condition-ver-status"), "confirmed"),
        "category": [concept(terminology("condition-category"), "encounter-diagnosis", "Encounter Diagnosis")],
        "code": concept(ICD10, code, text),
        "subject": reference("Patient", visit.patient.id),
        "encounter": reference("Encounter", visit.id),
        "recordedDate": context.shown(visit.ends_at),
        "recorder": person(context, user_of(visit.details.provider_id)),
    }
