"""What one patient is insured by (contract §4.7, `insurances[]` of a live fetch)."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from cobalt_link.connector.models import PatientInsurance
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.lists import endpoints
from cobalt_link.records.money import amount
from cobalt_link.records.resource import PatientNotFound, Resource, Within, shown_as


class PatientInsuranceView(msgspec.Struct, frozen=True, kw_only=True):
    """`emr_insurance_id` is the EHR's id of this row, `insurance_ehr_id` of the insurance company. `priority` is 1 for
    the primary one. `copayment` is an amount such as "20.00"."""

    id: str
    emr_insurance_id: str
    patient_id: str | None
    patient_mrn: str | None
    priority: int | None
    insurance_ehr_id: str | None
    insurance_name: str | None
    insurance_subscriber_number: str | None
    insurance_subscriber: str | None
    group_id: str | None
    plan_begin_date: date | None
    plan_end_date: date | None
    copayment: str | None
    relationship_to_subscriber: str | None
    guarantor_id: str | None
    is_guarantor_patient: bool | None


def view(each: PatientInsurance, ids: Ids) -> PatientInsuranceView:
    more: dict[str, Any] = {
        "id": ids["insurance", each.ehr_id],
        "emr_insurance_id": each.ehr_id,
        "patient_id": our_id(ids, "patient", each.patient_ehr_id),
        "copayment": amount(each.copayment),
    }
    return shown_as(PatientInsuranceView, each, **more)


RESOURCE: Resource[PatientInsurance] = Resource(
    capability="patient_insurances",
    kind="insurance",
    path="/v1/patients/{patient_mrn}/insurances",
    summary="List what a patient is insured by, by record number or our id.",
    key="insurances",
    shown=PatientInsuranceView,
    view=view,
    asked=NothingAsked,
    within=Within(parameter="patient_mrn", kind="patient", filter="patient_mrn", missing=PatientNotFound),
)
ENDPOINTS = endpoints(RESOURCE)
