"""Telephone encounters, and the log of what was done about each."""

import sqlite3
from typing import Annotated, Literal

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, records
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_patients import Patient
from sandbox_ehr.clinic.pharmacies import pharmacies
from sandbox_ehr.clinic.practice import Code
from sandbox_ehr.clinic.records import Kind, ListQuery, NewRow, Row, Text
from sandbox_ehr.clinic.search_text import fold
from sandbox_ehr.refusals import RequestRefused

CALL = Kind("call", "calls", "TE")
CALL_ACTION = Kind("call_action", "call-actions", "CA", parent="call_id")
CALL_TYPES = (
    Code("CT1", "Refill request"),
    Code("CT2", "Question about results"),
    Code("CT3", "Symptoms"),
    Code("CT4", "Scheduling"),
    Code("CT5", "Billing"),
)


class NewCall(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/calls`. `refill_medication` is part of the name of one of the patient's medications."""

    patient_id: str
    provider_id: str
    location_id: str
    assigned_to: str
    call_type_id: str = ""
    reason: Annotated[str, msgspec.Meta(max_length=50)] = ""
    refill_medication: Annotated[str, msgspec.Meta(pattern=r"^(|.{2,50})$")] = ""
    pharmacy_id: str = ""


class CallQuery(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""
    assigned_to: str = ""


class NewCallAction(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/call-actions`. The EHR puts the user's name and the time before the text."""

    call_id: str
    text: Text
    priority: Literal["normal", "high"] = "normal"


class CallActionQuery(ListQuery, frozen=True, kw_only=True):
    call_id: str = ""


def create(connection: sqlite3.Connection, context: ChartContext, body: NewCall) -> Row:
    patient = patients.require(connection, context.clinic.id, body.patient_id)
    clinic = context.clinic
    known = {
        "provider_id": {provider.id for provider in clinic.providers if provider.active},
        "location_id": {location.id for location in clinic.locations if location.active},
        "assigned_to": {user.id for user in context.users},
        "call_type_id": {"", *(kind.code for kind in CALL_TYPES)},
        "pharmacy_id": {"", *(store.id for store in pharmacies(clinic) if store.active)},
    }
    for member, ids in known.items():
        if getattr(body, member) not in ids:
            raise RequestRefused(refusals.unknown_reference(member))
    doc = msgspec.to_builtins(body) | {"refill_medication": _medication(patient, body.refill_medication)}
    return records.add(connection, context, CALL, doc | {"status": "open", "called_at": context.written_at})


def add_action(connection: sqlite3.Connection, context: ChartContext, body: NewCallAction) -> Row:
    records.require(connection, context, CALL, body.call_id, "call_id")
    local = context.local(context.now)
    stamp = f"{context.user_name} {local:%m/%d/%Y %I:%M %p %Z}"
    doc = msgspec.to_builtins(body) | {"text": f"{stamp}: {body.text}"}
    return records.add(connection, context, CALL_ACTION, doc)


def _medication(patient: Patient, part: str) -> str:
    """The whole name of the patient's medication that has this part in its name."""
    if not part:
        return ""
    for medication in patient.medications:
        if fold(part) in fold(medication.name):
            return medication.name
    raise RequestRefused(refusals.unknown_reference("refill_medication"))
