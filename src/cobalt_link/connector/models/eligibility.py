"""Eligibility checks: what a payer said on a patient's coverage, and the benefits in its answer (X12 271)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, first_day, in_any_case, last_day
from cobalt_link.connector.models.reading import Read, Records

CoverageStatus: TypeAlias = Literal["active", "inactive", "error", "unknown"]


class EligibilityCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`encounter_ehr_id` is the appointment that it was made for. `status_message` is the payer's reason for a no."""

    ehr_id: str
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_name: str | None = None
    patient_dob: date | None = None
    encounter_ehr_id: str | None = None
    provider_name: str | None = None
    payer_name: str | None = None
    subscriber_name: str | None = None
    subscriber_member_id: str | None = None
    patient_relationship: Literal["self", "dependent"] | None = None
    plan_name: str | None = None
    coverage_status: CoverageStatus = "unknown"
    status_message: str | None = None
    service_date: date | None = None
    response_at: datetime | None = None
    plan_begin_date: date | None = None
    plan_end_date: date | None = None
    deductible: Decimal | None = None
    out_of_pocket: Decimal | None = None
    benefit_count: int | None = None


class EligibilityCheckQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start_date` and `end_date` are days of service, both included."""

    start_date: date | None = None
    end_date: date | None = None
    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    coverage_status: CoverageStatus | None = None


class Benefit(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a payer's answer. `percent` is of 100. `raw_segment` is the line as the payer sent it."""

    line_number: int
    benefit_type: str | None = None
    benefit_type_code: str | None = None
    coverage_level: str | None = None
    service_type_codes: tuple[str, ...] = ()
    insurance_type: str | None = None
    time_period: str | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None
    network_indicator: str | None = None
    messages: tuple[str, ...] = ()
    raw_segment: str | None = None


class BenefitQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`check_ehr_id` is the EHR's id of the eligibility check. It is always set."""

    check_ehr_id: str
    benefit_type: str | None = None


class ReadsEligibilityChecks(Protocol):
    """`[reads] eligibility_checks`."""

    def eligibility_checks(self, chart: Chart, query: EligibilityCheckQuery) -> Records[EligibilityCheck]:
        """The checks that match, in a stable order."""
        ...


class ReadsBenefits(Protocol):
    """`[reads] benefits`."""

    def benefits(self, chart: Chart, query: BenefitQuery) -> Records[Benefit]:
        """The benefits of one check, in the payer's order. Raises `RecordNotFound` if the EHR does not know it."""
        ...


CHECKS = Read(
    protocol=ReadsEligibilityChecks,
    record=EligibilityCheck,
    query=EligibilityCheckQuery,
    matches={
        "start_date": first_day("service_date"),
        "end_date": last_day("service_date"),
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
        "coverage_status": exactly("coverage_status"),
    },
    topics={
        EligibilityCheck: {
            "people": "patient_ehr_id patient_mrn patient_name patient_dob",
            "eligibility": "ehr_id encounter_ehr_id provider_name payer_name subscriber_name subscriber_member_id"
            " patient_relationship plan_name coverage_status status_message service_date response_at plan_begin_date"
            " plan_end_date deductible out_of_pocket benefit_count",
        }
    },
)
BENEFITS = Read(
    protocol=ReadsBenefits,
    record=Benefit,
    query=BenefitQuery,
    unfiltered=frozenset({"check_ehr_id"}),
    matches={"benefit_type": in_any_case("benefit_type")},
    topics={
        Benefit: {
            "eligibility": "line_number benefit_type benefit_type_code coverage_level service_type_codes insurance_type"
            " time_period amount percent network_indicator messages raw_segment"
        }
    },
)
