"""Telephone encounters: a page of those that match, or one. The contract only writes them (§4.18)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import TelephoneEncounter
from cobalt_link.kit.text import trimmed
from cobalt_link.records.asked import EhrId, HundredMost, PatientId, PatientMrn, UpdatedSince
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import OneRecord, Resource, shown_as
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.paging import Page, Pagination
from cobalt_link.web.problems import Problem


class TelephoneEncounterNotFound(Problem):
    """Telephone encounter not found. Send an id of GET /v1/telephone-encounters."""

    code = "telephone_encounter_not_found"
    status = 404


class TelephoneEncountersAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional, unless the EHR lists telephone encounters of one patient only."""

    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    ehr_id: Annotated[EhrId, Alias("emr_appointment_id")] = None
    assigned_to_id: Annotated[
        str | None, Cleaned(trimmed), Meta(description="The EHR's id of the user who is to answer.")
    ] = None
    updated_since: UpdatedSince = None
    page: Page = 1
    page_size: HundredMost = 100


class EncounterActionView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about a call. `text` is as the EHR shows it."""

    ehr_id: str | None
    text: str
    is_high_priority: bool
    created_at: datetime | None


class TelephoneEncounterView(msgspec.Struct, frozen=True, kw_only=True):
    """`emr_appointment_id` is the EHR's id of the encounter, as POST /v1/telephone-encounters/actions takes it.
    `status` is the EHR's own word. All other ids but those of the patient are the EHR's."""

    id: str
    emr_appointment_id: str
    status: str | None
    patient_id: str | None
    patient_ehr_id: str | None
    patient_mrn: str | None
    patient_name: str | None
    provider_id: str | None
    location_id: str | None
    assigned_to_id: str | None
    phone_call_type_id: str | None
    reason: str | None
    refill_medication_name: str | None
    pharmacy_ehr_id: str | None
    actions: list[EncounterActionView]
    called_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None


def view(each: TelephoneEncounter, ids: Ids) -> TelephoneEncounterView:
    more: dict[str, Any] = {
        "id": ids["telephone_encounter", each.ehr_id],
        "emr_appointment_id": each.ehr_id,
        "patient_id": our_id(ids, "patient", each.patient_ehr_id),
        "provider_id": each.provider_ehr_id,
        "location_id": each.location_ehr_id,
        "assigned_to_id": each.assigned_to_ehr_id,
        "actions": [shown_as(EncounterActionView, action) for action in each.actions],
    }
    return shown_as(TelephoneEncounterView, each, **more)


RESOURCE: Resource[TelephoneEncounter] = Resource(
    capability="telephone_encounters",
    kind="telephone_encounter",
    path="/v1/telephone-encounters",
    summary="List telephone encounters, one page at a time.",
    key="telephone_encounters",
    shown=TelephoneEncounterView,
    view=view,
    asked=TelephoneEncountersAsked,
    filters={"assigned_to_id": ("assigned_to_ehr_id", None)},
    pages=Pagination,
    one=OneRecord(
        path="/v1/telephone-encounters/{telephone_encounter_id}",
        key="telephone_encounter",
        missing=TelephoneEncounterNotFound,
    ),
)
ENDPOINTS = endpoints(RESOURCE)
