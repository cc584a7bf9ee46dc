"""Claims: what the practice charged an insurer for a visit, and what was paid. Amounts are decimal numbers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, first_day, last_day
from cobalt_link.connector.models.reading import Read, Records


class ClaimInsurance(msgspec.Struct, frozen=True, kw_only=True):
    """An insurer of a claim. Codes are the EHR's own. `sequence_number` is 1 for the primary one."""

    insurance_id: str | None = None
    insurance_name: str | None = None
    insurance_type: str | None = None
    claim_indicator: str | None = None
    claim_indicator_description: str | None = None
    sequence_number: int | None = None
    subscriber_name: str | None = None
    subscriber_number: str | None = None
    subscriber_dob: date | None = None
    subscriber_relation: str | None = None
    group_name: str | None = None
    group_number: str | None = None
    provider_number: str | None = None
    payment_source: str | None = None
    assign_benefits: bool | None = None
    insurance_address_1: str | None = None
    insurance_address_2: str | None = None
    insurance_city: str | None = None
    insurance_state: str | None = None
    insurance_zip: str | None = None
    medicaid_id: str | None = None


class ClaimLine(msgspec.Struct, frozen=True, kw_only=True):
    """One service of a claim. `code` is a CPT or HCPCS code."""

    line_number: int | None = None
    code: str | None = None
    description: str | None = None
    modifiers: tuple[str, ...] = ()
    diagnosis_codes: tuple[str, ...] = ()
    units: Decimal | None = None
    charge: Decimal | None = None


class ClaimPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment toward a claim. `payer` is "patient" or the insurer's name."""

    payment_id: str | None = None
    payment_date: date | None = None
    payer: str | None = None
    method: str | None = None
    reference_number: str | None = None
    amount: Decimal | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is the EHR's own code. `patient_name` is as the claim has it ("DOE, JANE, M")."""

    ehr_id: str
    appointment_ehr_id: str | None = None
    service_date: date | None = None
    claim_date: date | None = None
    status: str | None = None
    status_description: str | None = None
    claim_type: str | None = None
    void: bool = False
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_name: str | None = None
    provider_ehr_id: str | None = None
    provider_name: str | None = None
    total_charge: Decimal | None = None
    total_payment: Decimal | None = None
    net_payment: Decimal | None = None
    balance: Decimal | None = None
    net_adjustment: Decimal | None = None
    patient_responsibility: Decimal | None = None
    patient_balance: Decimal | None = None
    insurances: tuple[ClaimInsurance, ...] = ()
    lines: tuple[ClaimLine, ...] = ()
    payments: tuple[ClaimPayment, ...] = ()


class ClaimQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start_date` and `end_date` are days of service, both included."""

    start_date: date | None = None
    end_date: date | None = None
    patient_mrn: str | None = None
    patient_ehr_id: str | None = None


class ReadsClaims(Protocol):
    """`[reads] claims`."""

    def claims(self, chart: Chart, query: ClaimQuery) -> Records[Claim]:
        """The claims that match, in a stable order."""
        ...


READ = Read(
    protocol=ReadsClaims,
    record=Claim,
    query=ClaimQuery,
    matches={
        "start_date": first_day("service_date"),
        "end_date": last_day("service_date"),
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
    },
    topics={
        Claim: {
            "people": "patient_ehr_id patient_mrn patient_name",
            "billing": "ehr_id appointment_ehr_id service_date claim_date status status_description claim_type void"
            " provider_ehr_id provider_name total_charge total_payment net_payment balance net_adjustment"
            " patient_responsibility patient_balance insurances lines payments",
        },
        ClaimInsurance: {
            "billing": "insurance_id insurance_name insurance_type claim_indicator claim_indicator_description"
            " sequence_number subscriber_name subscriber_number subscriber_dob subscriber_relation group_name"
            " group_number provider_number payment_source assign_benefits insurance_address_1 insurance_address_2"
            " insurance_city insurance_state insurance_zip medicaid_id",
        },
        ClaimLine: {"billing": "line_number code description modifiers diagnosis_codes units charge"},
        ClaimPayment: {"billing": "payment_id payment_date payer method reference_number amount"},
    },
)
