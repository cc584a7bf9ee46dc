"""Claims, in the contract's shape (§4.19). Money is text with two decimals, as in its examples (contract §9 row 30)."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from cobalt_link.connector.models import Claim, ClaimInsurance, ClaimLine, ClaimPayment
from cobalt_link.records.asked import FirstDay, HundredMost, LastDay, PatientId, PatientMrn
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.ids import Named
from cobalt_link.records.lists import endpoints
from cobalt_link.records.money import amount
from cobalt_link.records.resource import Resource, shown_as
from cobalt_link.web.paging import CountedPages, Page

AMOUNTS = ("total_charge", "total_payment", "net_payment", "balance", "net_adjustment", "patient_responsibility")


class ClaimsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional. The days are those of service."""

    start_date: FirstDay = None
    end_date: LastDay = None
    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    page: Page = 1
    page_size: HundredMost = 100


class ClaimBalances(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts such as "350.00"."""

    invoice_amount: str | None
    total_payment: str | None
    net_payment: str | None
    balance: str | None
    patient_balance: str | None


class ClaimLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One service. `code` is a CPT or HCPCS code."""

    line_number: int | None
    code: str | None
    description: str | None
    modifiers: tuple[str, ...]
    diagnosis_codes: tuple[str, ...]
    units: str | None
    charge: str | None


class ClaimPaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A payment toward a claim. `payer` is "patient" or the insurer's name."""

    payment_id: str | None
    payment_date: date | None
    payer: str | None
    method: str | None
    reference_number: str | None
    amount: str | None


class ClaimView(msgspec.Struct, frozen=True, kw_only=True):
    """`claim_status` is the EHR's own code. Ids with `emr` in their name are the EHR's. Amounts are texts such as
    "350.00"."""

    id: str
    emr_claim_id: str
    appointment_id: str | None
    emr_appointment_id: str | None
    service_date: date | None
    claim_date: date | None
    claim_status: str | None
    claim_status_description: str | None
    claim_type: str | None
    void_flag: bool
    patient_id: str | None
    emr_patient_id: str | None
    patient_mrn: str | None
    patient_name: str | None
    emr_provider_id: str | None
    provider_name: str | None
    total_charge: str | None
    total_payment: str | None
    net_payment: str | None
    balance: str | None
    net_adjustment: str | None
    patient_responsibility: str | None
    insurances: tuple[ClaimInsurance, ...]
    balances: ClaimBalances
    line_items: list[ClaimLineView]
    payments: list[ClaimPaymentView]


def named(each: Claim) -> list[Named]:
    return [("appointment", each.appointment_ehr_id)] if each.appointment_ehr_id else []


def view(each: Claim, ids: Ids) -> ClaimView:
    amounts = {name: amount(getattr(each, name)) for name in AMOUNTS}
    more: dict[str, Any] = {
        "id": ids["claim", each.ehr_id],
        "emr_claim_id": each.ehr_id,
        "appointment_id": our_id(ids, "appointment", each.appointment_ehr_id),
        "emr_appointment_id": each.appointment_ehr_id,
        "claim_status": each.status,
        "claim_status_description": each.status_description,
        "void_flag": each.void,
        "patient_id": our_id(ids, "patient", each.patient_ehr_id),
        "emr_patient_id": each.patient_ehr_id,
        "emr_provider_id": each.provider_ehr_id,
        "balances": _balances(each),
        "line_items": [_line(line) for line in each.lines],
        "payments": [_payment(payment) for payment in each.payments],
    }
    return shown_as(ClaimView, each, **amounts | more)


def _balances(each: Claim) -> ClaimBalances:
    return ClaimBalances(
        invoice_amount=amount(each.total_charge),
        total_payment=amount(each.total_payment),
        net_payment=amount(each.net_payment),
        balance=amount(each.balance),
        patient_balance=amount(each.patient_balance),
    )


def _line(line: ClaimLine) -> ClaimLineView:
    units = None if line.units is None else f"{line.units.normalize():f}"
    return shown_as(ClaimLineView, line, units=units, charge=amount(line.charge))


def _payment(payment: ClaimPayment) -> ClaimPaymentView:
    return shown_as(ClaimPaymentView, payment, amount=amount(payment.amount))


RESOURCE: Resource[Claim] = Resource(
    capability="claims",
    kind="claim",
    named=named,
    path="/v1/claims",
    summary="List claims, one page at a time.",
    key="claims",
    shown=ClaimView,
    view=view,
    asked=ClaimsAsked,
    pages=CountedPages,
)
ENDPOINTS = endpoints(RESOURCE)
