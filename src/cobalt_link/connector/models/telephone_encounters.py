"""Telephone encounters: calls of patients that the staff is to answer, with what was done about them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly
from cobalt_link.connector.models.reading import Read, Records


class EncounterAction(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about a call. `text` is as the EHR shows it, often with the user and the time before it."""

    text: str
    ehr_id: str | None = None
    is_high_priority: bool = False
    created_at: datetime | None = None


class TelephoneEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is the EHR's own word. `assigned_to_ehr_id` is the EHR's id of a user."""

    ehr_id: str
    status: str | None = None
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_name: str | None = None
    provider_ehr_id: str | None = None
    location_ehr_id: str | None = None
    assigned_to_ehr_id: str | None = None
    phone_call_type_id: str | None = None
    reason: str | None = None
    refill_medication_name: str | None = None
    pharmacy_ehr_id: str | None = None
    actions: tuple[EncounterAction, ...] = ()
    called_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class TelephoneEncounterQuery(msgspec.Struct, frozen=True, kw_only=True):
    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    ehr_id: str | None = None
    assigned_to_ehr_id: str | None = None
    updated_since: datetime | None = None


class ReadsTelephoneEncounters(Protocol):
    """`[reads] telephone_encounters`."""

    def telephone_encounters(self, chart: Chart, query: TelephoneEncounterQuery) -> Records[TelephoneEncounter]:
        """The telephone encounters that match, those that are done included, in a stable order."""
        ...


READ = Read(
    protocol=ReadsTelephoneEncounters,
    record=TelephoneEncounter,
    query=TelephoneEncounterQuery,
    matches={
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
        "ehr_id": exactly("ehr_id"),
        "assigned_to_ehr_id": exactly("assigned_to_ehr_id"),
    },
    topics={
        TelephoneEncounter: {
            "people": "patient_ehr_id patient_mrn patient_name",
            "tasks": "ehr_id status provider_ehr_id location_ehr_id assigned_to_ehr_id phone_call_type_id actions"
            " called_at created_at updated_at",
            "reasons": "reason",
            "medications": "refill_medication_name pharmacy_ehr_id",
        },
        EncounterAction: {"tasks": "text ehr_id is_high_priority created_at"},
    },
)
