"""Writes of messages, telephone encounters, and their actions (contract §4.17, §4.18)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Fields, Operation, Other
from cobalt_link.records.writes.shapes import ForPatientAsked, Text, WriteAsked, need_patient
from cobalt_link.web import Cleaned

EhrId = Annotated[str, Cleaned(trimmed), Meta(description="The EHR's id.")]


class NewMessageAsked(WriteAsked, frozen=True, kw_only=True):
    provider: EhrId
    subject: Annotated[str, Cleaned(trimmed), Meta(min_length=1), Meta(description="What it is about.")]
    message: Annotated[str, Meta(min_length=1), Meta(description="The text.")]


class NewTelephoneEncounterAsked(ForPatientAsked, frozen=True, kw_only=True):
    provider_id: EhrId
    location_id: EhrId
    assigned_to_id: EhrId
    reason: Annotated[
        Annotated[str, Meta(max_length=50)] | None, Cleaned(trimmed), Meta(description="Why the patient calls.")
    ] = None
    refill_medication_name: Annotated[
        Annotated[str, Meta(min_length=2, max_length=50)] | None,
        Cleaned(trimmed),
        Meta(description="Part of the name of a medication of the patient."),
    ] = None
    pharmacy_ehr_id: Annotated[Text, Meta(description="The ehr_id of a pharmacy.")] = None


class NewTelephoneActionAsked(WriteAsked, frozen=True, kw_only=True):
    emr_appointment_id: EhrId
    text: Annotated[str, Meta(min_length=1), Meta(description="What was done.")]
    is_high_priority: Annotated[bool | None, Meta(description="It is urgent.")] = None


def _encounter(asked: NewTelephoneEncounterAsked) -> Fields:
    need_patient(asked)
    return {}


OPERATIONS = (
    Operation(
        name="messages.create",
        path="/v1/messages",
        asked=NewMessageAsked,
        record="message_id",
        kind="message",
        message="Message processing. A webhook event will be sent upon completion.",
        summary="Send a message to a provider.",
        done="message.created",
        failed="message.failed",
        names={"provider": "provider_ehr_id"},
        data=lambda done: {"provider": done.write.provider_ehr_id, "subject": done.write.subject},
    ),
    Operation(
        name="telephone_encounters.create",
        path="/v1/telephone-encounters",
        asked=NewTelephoneEncounterAsked,
        record="telephone_encounter_id",
        kind="telephone_encounter",
        message="Telephone encounter processing. A webhook event will be sent upon completion.",
        summary="Create a telephone encounter.",
        done="telephone_encounter.created",
        failed="telephone_encounter.failed",
        names={
            "provider_id": "provider_ehr_id",
            "location_id": "location_ehr_id",
            "assigned_to_id": "assigned_to_ehr_id",
        },
        shape=_encounter,
        data=lambda done: {"emr_appointment_id": done.held.ehr_id, "patient_mrn": done.write.patient_mrn},
    ),
    Operation(
        name="telephone_encounters.add_action",
        path="/v1/telephone-encounters/actions",
        asked=NewTelephoneActionAsked,
        record="action_id",
        kind="action",
        message="Action processing. A webhook event will be sent upon completion.",
        summary="Add an action to a telephone encounter.",
        done="telephone_encounter.action_added",
        failed="telephone_encounter.action_failed",
        ids={"emr_appointment_id": Other(kinds=("telephone_encounter",), field="appointment_ehr_id")},
        data=lambda done: {"emr_appointment_id": done.write.appointment_ehr_id, "text": done.write.text},
    ),
)
