"""Billing in the sandbox EHR: claims, and what payers said on coverage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_args
from urllib.parse import quote

from cobalt_link.connector import (
    Benefit,
    BenefitQuery,
    Chart,
    Claim,
    ClaimInsurance,
    ClaimLine,
    ClaimPayment,
    ClaimQuery,
    CoverageStatus,
    EligibilityCheck,
    EligibilityCheckQuery,
    reads,
)
from cobalt_link.connectors.sandbox.reads.rows import ROWS, ChartRows, Row, day, moment, money, same, whom, word

STATUSES: dict[str, CoverageStatus] = same(*get_args(CoverageStatus))
RELATIONS: dict[str, Any] = same("self", "dependent")


class BillingReads(ChartRows):
    """What was charged, and what insurers cover."""

    @reads("patient_ehr_id", "start_date", "end_date")
    async def claims(self, chart: Chart, query: ClaimQuery) -> AsyncIterator[Claim]:
        asked = {"patient_id": query.patient_ehr_id, "start": query.start_date, "end": query.end_date}
        async for row in self.rows(chart, "claims", **asked):
            yield claim(row)

    @reads("patient_ehr_id", "start_date", "end_date", "coverage_status")
    async def eligibility_checks(self, chart: Chart, query: EligibilityCheckQuery) -> AsyncIterator[EligibilityCheck]:
        asked = {
            "patient_id": query.patient_ehr_id,
            "start": query.start_date,
            "end": query.end_date,
            "status": query.coverage_status,
        }
        providers = (await self.api(chart).get("/providers"))["providers"]
        names = {each["id"]: f"{each['last_name']}, {each['first_name']}" for each in providers}
        async for row in self.rows(chart, "eligibility-checks", **asked):
            yield eligibility_check(row, names)

    @reads("benefit_type")
    async def benefits(self, chart: Chart, query: BenefitQuery) -> AsyncIterator[Benefit]:
        path = f"/eligibility-checks/{quote(query.check_ehr_id, safe='')}/benefits"
        async for row in self.api(chart).rows(path, "benefits", {"type": query.benefit_type}, pages=ROWS):
            yield benefit(row)


def claim(row: Row) -> Claim:
    return Claim(
        ehr_id=row["id"],
        appointment_ehr_id=row["visit_id"] or None,
        service_date=day(row["service_date"]),
        claim_date=day(row["claim_date"]),
        status=row["status"] or None,
        status_description=row["status_text"] or None,
        claim_type=row["type"] or None,
        void=row["void"],
        provider_ehr_id=row["provider_id"] or None,
        provider_name=row["provider_name"] or None,
        total_charge=money(row["total_charge"]),
        total_payment=money(row["total_payment"]),
        net_payment=money(row["net_payment"]),
        balance=money(row["balance"]),
        net_adjustment=money(row["net_adjustment"]),
        patient_responsibility=money(row["patient_responsibility"]),
        patient_balance=money(row["patient_responsibility"]),
        insurances=tuple(claim_insurance(each) for each in row["insurances"]),
        lines=tuple(claim_line(each) for each in row.get("lines", ())),
        payments=tuple(
            ClaimPayment(payment_date=day(each["on"]), payer=each["from"] or None, amount=money(each["amount"]))
            for each in row["payments"]
        ),
        **whom(row),
    )


def claim_line(row: Row) -> ClaimLine:
    return ClaimLine(
        line_number=row["line"],
        code=row["cpt"] or None,
        description=row["text"] or None,
        diagnosis_codes=tuple(row["icd10"]),
        units=money(row["units"]),
        charge=money(row["charge"]),
    )


def claim_insurance(row: Row) -> ClaimInsurance:
    address = row["address"]
    return ClaimInsurance(
        insurance_id=row["insurance_id"] or None,
        insurance_name=row["payer"] or None,
        insurance_type=row["type"] or None,
        claim_indicator=row["indicator"] or None,
        claim_indicator_description=row["indicator_text"] or None,
        sequence_number=row["rank"],
        subscriber_name=row["subscriber"] or None,
        subscriber_number=row["member_id"] or None,
        subscriber_dob=day(row["subscriber_dob"]),
        subscriber_relation=row["relation"] or None,
        group_name=row["group_name"] or None,
        group_number=row["group"] or None,
        provider_number=row["provider_number"] or None,
        payment_source=row["payment_source"] or None,
        assign_benefits=row["assign_benefits"],
        insurance_address_1=address["street"] or None,
        insurance_address_2=address["line2"] or None,
        insurance_city=address["city"] or None,
        insurance_state=address["state"] or None,
        insurance_zip=address["zip"] or None,
        medicaid_id=row["medicaid_id"] or None,
    )


def eligibility_check(row: Row, providers: dict[str, str]) -> EligibilityCheck:
    return EligibilityCheck(
        ehr_id=row["id"],
        patient_dob=day(row["patient"]["dob"]),
        encounter_ehr_id=row["visit_id"] or None,
        provider_name=providers.get(row["provider_id"]),
        payer_name=row["payer"] or None,
        subscriber_name=row["subscriber"] or None,
        subscriber_member_id=row["member_id"] or None,
        patient_relationship=word(row["relation"], RELATIONS),
        plan_name=row["plan_name"] or None,
        coverage_status=word(row["status"], STATUSES) or "unknown",
        status_message=row["message"] or None,
        service_date=day(row["service_date"]),
        response_at=moment(row["answered_at"]),
        plan_begin_date=day(row["plan_begins_on"]),
        plan_end_date=day(row["plan_ends_on"]),
        deductible=money((row["deductible"] or {}).get("total")),
        out_of_pocket=money((row["out_of_pocket"] or {}).get("total")),
        benefit_count=row["benefit_count"],
        **whom(row),
    )


def benefit(row: Row) -> Benefit:
    return Benefit(
        line_number=row["line"],
        benefit_type=row["type"] or None,
        benefit_type_code=row["code"] or None,
        coverage_level=row["level"] or None,
        service_type_codes=tuple(row["services"]),
        insurance_type=row["insurance_type"] or None,
        time_period=row["period"] or None,
        amount=money(row["amount"]),
        percent=money(row["percent"]),
        network_indicator=row["network"] or None,
        messages=tuple(row["messages"]),
        raw_segment=row["raw"] or None,
    )
