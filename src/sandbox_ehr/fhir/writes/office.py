"""Writes tasks, messages, patients and insurance plans."""

import sqlite3

import msgspec

from sandbox_ehr.clinic import insurances, messages, patient_writes, patients, tasks
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.insurances import InsuranceChange, NewInsurance
from sandbox_ehr.clinic.messages import NewMessage
from sandbox_ehr.clinic.patient_writes import NewPatient, PatientChange
from sandbox_ehr.clinic.tasks import NewTask, TaskChange
from sandbox_ehr.fhir.mapping.office import TASK_PRIORITIES
from sandbox_ehr.fhir.mapping.people import GENDERS
from sandbox_ehr.fhir.mapping.rows import user_id_of
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import at
from sandbox_ehr.fhir.writes.given import built, client_ref, first, pointed_to, require, text_of

PRIORITIES = {word: ours for ours, word in TASK_PRIORITIES.items()} | {"asap": "high", "stat": "high"}
SEXES = {word: letter for letter, word in GENDERS.items()} | {"other": "U"}
RELATIONS = {"self": "self", "spouse": "spouse", "child": "child", "common": "life_partner"}


def create_task(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> str:
    about = text_of(resource.get("code")) or first(resource, "description")
    body = built(
        NewTask,
        patient_id=require(next(iter(pointed_to(resource, "for", "Patient")), ""), "for"),
        subject=str(require(about, "code"))[:200],
        description=first(resource, "description") or about,
        assigned_to=_owner(context, resource) or context.user_id,
        priority=PRIORITIES.get(first(resource, "priority"), "normal"),
        client_ref=client_ref(resource),
    )
    return tasks.create(connection, context, body)["id"]


def update_task(connection: sqlite3.Connection, context: ChartContext, row_id: str, resource: Resource) -> None:
    done = first(resource, "status") in ("completed", "cancelled", "rejected", "failed")
    given = {"description": first(resource, "description"), "assigned_to": _owner(context, resource)}
    given["subject"] = text_of(resource.get("code"))[:200]
    body = built(
        TaskChange,
        status="done" if done else "open",
        priority=PRIORITIES.get(first(resource, "priority"), "normal"),
        **{name: value for name, value in given.items() if value},
    )
    tasks.change(connection, context, row_id, body)


def create_communication(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> str:
    text = "\n\n".join(str(each) for each in at(resource, "payload.contentString"))
    subject = text_of(resource.get("topic")) or text_of(resource.get("category")) or "Message"
    body = built(
        NewMessage,
        provider_id=require(next(iter(pointed_to(resource, "recipient", "Practitioner")), ""), "recipient"),
        patient_id=next(iter(pointed_to(resource, "subject", "Patient")), ""),
        subject=subject[:200],
        text=require(text, "payload"),
        client_ref=client_ref(resource),
    )
    return messages.create(connection, context, body)["id"]


def update_communication(
    connection: sqlite3.Connection, context: ChartContext, row_id: str, _resource: Resource
) -> None:
    """A message that was sent changes no more. It can only be received."""
    messages.mark_read(connection, context, row_id)


def create_patient(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> str:
    body = built(NewPatient, **_patient(resource), client_ref=client_ref(resource))
    return patient_writes.create(connection, context, body).id


def update_patient(connection: sqlite3.Connection, context: ChartContext, row_id: str, resource: Resource) -> None:
    before = msgspec.to_builtins(patients.require(connection, context.clinic.id, row_id))
    given = {name: value for name, value in _patient(resource).items() if value != before[name]}
    patient_writes.change(connection, context, row_id, built(PatientChange, **given))


def create_coverage(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> str:
    relation = next((code for code in at(resource, "relationship.coding.code") if code in RELATIONS), "self")
    body = built(
        NewInsurance,
        patient_id=require(next(iter(pointed_to(resource, "beneficiary", "Patient")), ""), "beneficiary"),
        payer_id=require(next(iter(pointed_to(resource, "payor", "Organization")), ""), "payor"),
        member_id=require(first(resource, "subscriberId"), "subscriberId"),
        group=first(resource, "class.value"),
        rank=first(resource, "order") or None,
        begins_on=first(resource, "period.start") or None,
        relation=RELATIONS[relation],
        client_ref=client_ref(resource),
    )
    return insurances.create(connection, context, body)["id"]


def update_coverage(connection: sqlite3.Connection, context: ChartContext, row_id: str, resource: Resource) -> None:
    given = {"member_id": first(resource, "subscriberId"), "group": first(resource, "class.value")}
    given["begins_on"] = first(resource, "period.start")
    payers = pointed_to(resource, "payor", "Organization")
    body = built(
        InsuranceChange,
        payer_id=require(payers[0] if payers else "", "payor"),
        rank=require(first(resource, "order"), "order"),
        **{name: value for name, value in given.items() if value},
    )
    insurances.change(connection, context, row_id, body)


def _owner(context: ChartContext, resource: Resource) -> str:
    owner = next(iter(pointed_to(resource, "owner", "Practitioner")), "")
    return user_id_of(context, owner) if owner else ""


def _patient(resource: Resource) -> dict[str, object]:
    given = [str(each) for each in at(resource, "name.given")]
    phones = {
        each.get("use"): each.get("value", "") for each in at(resource, "telecom") if each.get("system") == "phone"
    }
    emails = [each.get("value", "") for each in at(resource, "telecom") if each.get("system") == "email"]
    lines = [*at(resource, "address.line"), "", ""]
    place = {"city": first(resource, "address.city"), "state": first(resource, "address.state")}
    return {
        "first_name": given[0] if given else "",
        "middle_name": " ".join(given[1:]),
        "last_name": first(resource, "name.family"),
        "dob": first(resource, "birthDate"),
        "sex": SEXES.get(first(resource, "gender"), "U"),
        "email": emails[0] if emails else "",
        "phones": {"home": phones.get("home", ""), "mobile": phones.get("mobile", "") or phones.get(None, "")},
        "address": {"street": lines[0], "line2": lines[1], **place, "zip": first(resource, "address.postalCode")},
    }
