"""Eligibility checks: what payers said on coverage, in the contract's shape (§4.9)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import CoverageStatus, EligibilityCheck
from cobalt_link.records.asked import FirstDay, FiveHundredMost, LastDay, PatientId, PatientMrn
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.ids import Named
from cobalt_link.records.lists import endpoints
from cobalt_link.records.money import amount
from cobalt_link.records.resource import Resource, shown_as
from cobalt_link.web.paging import Page, RecordPages


class EligibilityChecksAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional. The days are those of service."""

    start_date: FirstDay = None
    end_date: LastDay = None
    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    coverage_status: Annotated[CoverageStatus | None, Meta(description="What the payer said.")] = None
    page: Page = 1
    page_size: FiveHundredMost = 100


class BenefitsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts such as "1500.00"."""

    deductible: str | None
    out_of_pocket: str | None


class EligibilityCheckView(msgspec.Struct, frozen=True, kw_only=True):
    """`emr_id` is the EHR's id of the check, `emr_encounter_id` of the appointment that it was made for, and
    `emr_patient_id` of the patient. `status_message` is the payer's reason for a no. `synced_at` is null: the answer is
    the EHR's own, read now."""

    id: str
    emr_id: str
    patient_id: str | None
    emr_patient_id: str | None
    patient_mrn: str | None
    patient_name: str | None
    patient_dob: date | None
    appointment_id: str | None
    emr_encounter_id: str | None
    provider_name: str | None
    payer_name: str | None
    subscriber_name: str | None
    subscriber_member_id: str | None
    patient_relationship: Literal["self", "dependent"] | None
    plan_name: str | None
    coverage_status: CoverageStatus
    status_message: str | None
    service_date: date | None
    response_at: datetime | None
    plan_begin_date: date | None
    plan_end_date: date | None
    benefits_summary: BenefitsSummary
    benefit_count: int | None
    synced_at: datetime | None = None


def named(each: EligibilityCheck) -> list[Named]:
    return [("appointment", each.encounter_ehr_id)] if each.encounter_ehr_id else []


def view(each: EligibilityCheck, ids: Ids) -> EligibilityCheckView:
    return shown_as(
        EligibilityCheckView,
        each,
        id=ids["eligibility_check", each.ehr_id],
        emr_id=each.ehr_id,
        patient_id=our_id(ids, "patient", each.patient_ehr_id),
        emr_patient_id=each.patient_ehr_id,
        appointment_id=our_id(ids, "appointment", each.encounter_ehr_id),
        emr_encounter_id=each.encounter_ehr_id,
        benefits_summary=BenefitsSummary(deductible=amount(each.deductible), out_of_pocket=amount(each.out_of_pocket)),
    )


RESOURCE: Resource[EligibilityCheck] = Resource(
    capability="eligibility_checks",
    kind="eligibility_check",
    named=named,
    path="/v1/eligibility-checks",
    summary="List what payers said on patients' coverage.",
    key="eligibility_checks",
    shown=EligibilityCheckView,
    view=view,
    asked=EligibilityChecksAsked,
    pages=RecordPages,
)
ENDPOINTS = endpoints(RESOURCE)
