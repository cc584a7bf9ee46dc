"""Insurance companies that the practice knows, and what patients are insured by."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, partly
from cobalt_link.connector.models.reading import Read, Records


class InsuranceProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`payer_id` is the number of the payer in electronic claims."""

    ehr_id: str
    name: str
    payer_id: str | None = None
    active: bool = True
    created_at: datetime | None = None


class InsuranceProviderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is part of the name."""

    name: str | None = None
    active: bool | None = None


class PatientInsurance(msgspec.Struct, frozen=True, kw_only=True):
    """`priority` is 1 for the primary one. `insurance_ehr_id` is the EHR's id of the insurance provider. `guarantor_id`
    is the EHR's id of who pays."""

    ehr_id: str
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    priority: int | None = None
    insurance_ehr_id: str | None = None
    insurance_name: str | None = None
    insurance_subscriber_number: str | None = None
    insurance_subscriber: str | None = None
    group_id: str | None = None
    plan_begin_date: date | None = None
    plan_end_date: date | None = None
    copayment: Decimal | None = None
    relationship_to_subscriber: str | None = None
    guarantor_id: str | None = None
    is_guarantor_patient: bool | None = None


class PatientInsuranceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of one patient: one of the two is always set."""

    patient_mrn: str | None = None
    patient_ehr_id: str | None = None


class ReadsInsuranceProviders(Protocol):
    """`[reads] insurance_providers`."""

    def insurance_providers(self, chart: Chart, query: InsuranceProviderQuery) -> Records[InsuranceProvider]:
        """All insurance companies, inactive ones included, in a stable order."""
        ...


class ReadsPatientInsurances(Protocol):
    """`[reads] patient_insurances`."""

    def patient_insurances(self, chart: Chart, query: PatientInsuranceQuery) -> Records[PatientInsurance]:
        """What one patient is insured by, the primary one first. Nothing for an unknown patient."""
        ...


INSURANCE_PROVIDERS = Read(
    protocol=ReadsInsuranceProviders,
    record=InsuranceProvider,
    query=InsuranceProviderQuery,
    matches={"name": partly("name"), "active": exactly("active")},
    topics={InsuranceProvider: {"directory": "ehr_id name payer_id active created_at"}},
)
PATIENT_INSURANCES = Read(
    protocol=ReadsPatientInsurances,
    record=PatientInsurance,
    query=PatientInsuranceQuery,
    always=("patient_mrn",),
    topics={
        PatientInsurance: {
            "people": "patient_ehr_id patient_mrn",
            "insurance": "ehr_id priority insurance_ehr_id insurance_name insurance_subscriber_number"
            " insurance_subscriber group_id plan_begin_date plan_end_date copayment relationship_to_subscriber"
            " guarantor_id is_guarantor_patient",
        }
    },
)
