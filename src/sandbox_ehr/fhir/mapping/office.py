"""Tasks, messages, insurance plans and claims as FHIR resources."""

import sqlite3
from collections.abc import Iterator

from sandbox_ehr.clinic import records
from sandbox_ehr.clinic.claims import CLAIM
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.insurances import INSURANCE
from sandbox_ehr.clinic.messages import MESSAGE
from sandbox_ehr.clinic.records import Row
from sandbox_ehr.clinic.tasks import TASK, TASK_NOTE
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.rows import patient_of, person, practitioner, rows_of
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import CPT, ICD10, client_identifier, concept, filled, meta, reference, terminology

TASK_STATUSES = {"open": "requested", "done": "completed"}
TASK_PRIORITIES = {"normal": "routine", "high": "urgent"}
CLAIM_STATUSES = {"10RD": "draft", "20SB": "active", "30RJ": "active", "48CL": "active"}
# What FHIR has no word for is `other`.
RELATIONS = {"self": "self", "spouse": "spouse", "child": "child", "mother": "parent", "father": "parent"}
RELATIONS |= {"step_parent": "parent", "life_partner": "common"}


def load_tasks(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    rows = rows_of(connection, context, TASK, hint)
    notes: dict[str, list[Row]] = {}
    for note in records.of_parents(connection, context, TASK_NOTE, [row["id"] for row in rows]):
        notes.setdefault(note["task_id"], []).append(note)
    for row in rows:
        yield _task(context, row, notes.get(row["id"], []))


def load_communications(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for row in rows_of(connection, context, MESSAGE, hint):
        yield filled(
            {
                "resourceType": "Communication",
                "id": row["id"],
                "meta": meta(row["updated_at"]),
                "identifier": client_identifier(row["client_ref"]),
                "status": "completed",
                "subject": patient_of(row),
                "topic": {"text": row["subject"]},
                "sent": row["sent_at"],
                "received": row["updated_at"] if row["read"] else "",
                "recipient": [practitioner(context, row["provider_id"])],
                "sender": person(context, row["created_by"]),
                "payload": [{"contentString": row["text"]}],
            }
        )


def load_coverages(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for row in rows_of(connection, context, INSURANCE, hint):
        yield _coverage(row)


def load_claims(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for row in rows_of(connection, context, CLAIM, hint):
        yield _claim(context, row)


def _task(context: ChartContext, row: Row, notes: list[Row]) -> Resource:
    return filled(
        {
            "resourceType": "Task",
            "id": row["id"],
            "meta": meta(row["updated_at"]),
            "identifier": client_identifier(row["client_ref"]),
            "status": TASK_STATUSES[row["status"]],
            "intent": "order",
            "priority": TASK_PRIORITIES[row["priority"]],
            "code": {"text": row["subject"]},
            "description": row["description"],
            "for": patient_of(row),
            "authoredOn": row["created_at"],
            "lastModified": row["updated_at"],
            "requester": person(context, row["created_by"]),
            "owner": person(context, row["assigned_to"]),
            "note": [{"authorString": note["by"], "time": note["created_at"], "text": note["text"]} for note in notes],
        }
    )


def _coverage(row: Row) -> Resource:
    group = concept(terminology("coverage-class"), "group", "Group")
    relation = RELATIONS.get(row["relation"], "other")
    copay = {"type": concept(terminology("coverage-copay-type"), "copay"), "valueMoney": _money(row["copay"])}
    subscriber = row["subscriber"]
    name = f"{subscriber['first_name']} {subscriber['last_name']}".strip()
    own = row["relation"] == "self"
    return filled(
        {
            "resourceType": "Coverage",
            "id": row["id"],
            "meta": meta(row["updated_at"], "coverage"),
            "identifier": [
                {"type": concept(terminology("v2-0203"), "MB", "Member Number"), "value": row["member_id"]},
                *client_identifier(row["client_ref"]),
            ],
            "status": "active",
            "subscriber": patient_of(row) if own else filled({"display": name}),
            "subscriberId": row["member_id"],
            "beneficiary": patient_of(row),
            "relationship": concept(terminology("subscriber-relationship"), relation, row["relation"]),
            "period": {"start": row["begins_on"]} if row["begins_on"] else {},
            "payor": [reference("Organization", row["payer_id"], row["payer"])],
            "class": [{"type": group, "value": row["group"]}] if row["group"] else [],
            "order": row["rank"],
            "costToBeneficiary": [copay] if row["copay"] else [],
        }
    )


def _claim(context: ChartContext, row: Row) -> Resource:
    codes = list(dict.fromkeys(code for line in row["lines"] for code in line["icd10"]))
    insurances = [
        {"sequence": place, "focal": place == 1, "coverage": reference("Coverage", plan["insurance_id"])}
        for place, plan in enumerate(row["insurances"], 1)
    ]
    return filled(
        {
            "resourceType": "Claim",
            "id": row["id"],
            "meta": meta(row["updated_at"]),
            "identifier": client_identifier(row["client_ref"]),
            "status": CLAIM_STATUSES[row["status"]],
            "type": concept(terminology("claim-type"), "professional", "Professional"),
            "use": "claim",
            "patient": patient_of(row),
            "billablePeriod": {"start": row["service_date"], "end": row["service_date"]},
            "created": row["claim_date"],
            "insurer": reference("Organization", row["insurances"][0]["payer_id"]) if row["insurances"] else None,
            "provider": practitioner(context, row["provider_id"]),
            "priority": concept(terminology("processpriority"), "normal"),
            "diagnosis": [
                {"sequence": place, "diagnosisCodeableConcept": concept(ICD10, code)}
                for place, code in enumerate(codes, 1)
            ],
            "insurance": insurances or [{"sequence": 1, "focal": True, "coverage": {"display": "Self pay"}}],
            "item": [_item(row, line, codes) for line in row["lines"]],
            "total": _money(row["total_charge"]),
        }
    )


def _item(row: Row, line: Row, codes: list[str]) -> Resource:
    return filled(
        {
            "sequence": line["line"],
            "diagnosisSequence": [codes.index(code) + 1 for code in line["icd10"]],
            "productOrService": concept(CPT, line["cpt"], line["text"]),
            "servicedDate": line["on"],
            "quantity": {"value": line["units"]},
            "unitPrice": _money(line["charge"]),
            "net": _money(line["charge"]),
            "encounter": [reference("Encounter", row["visit_id"])],
        }
    )


def _money(amount: str | float) -> Resource:
    return {"value": float(amount), "currency": "USD"}
