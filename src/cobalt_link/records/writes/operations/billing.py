"""Writes of claims and payments (contract §4.19, §4.20)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from cobalt_link.kit.ids import HEX, canonical
from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Fields, Operation, Other
from cobalt_link.records.writes.shapes import ForPatientAsked, Text, WriteAsked, cents, need_patient
from cobalt_link.web import Cleaned
from cobalt_link.web.problems import InvalidRequest, MissingField


class NewClaimAsked(WriteAsked, frozen=True, kw_only=True):
    appointment_id: Annotated[
        str | None, Cleaned(trimmed), Meta(description="Our id of the appointment. Required.")
    ] = None


class NewPaymentAsked(ForPatientAsked, frozen=True, kw_only=True):
    payment_method: Annotated[str, Cleaned(trimmed), Meta(description="A name of GET /v1/payment-methods.")]
    reference_number: Annotated[str, Cleaned(trimmed), Meta(description="Of the payment. It may repeat.")]
    location: Annotated[str, Cleaned(trimmed), Meta(description="The location's ehr_id.")]
    amount: Annotated[Decimal, Meta(description="Above 0.")]
    notes: Annotated[Text, Meta(description="A remark.")] = None
    deposit_date: Annotated[date | None, Meta(description="YYYY-MM-DD. Today by default.")] = None


def _claim(asked: NewClaimAsked) -> Fields:
    # The contract's words (§4.19).
    if not asked.appointment_id:
        raise MissingField(message="'appointment_id' is required.")
    if not HEX.fullmatch(canonical(asked.appointment_id)):
        raise InvalidRequest("Invalid 'appointment_id' format. Please provide a valid UUID.")
    return {}


def _payment(asked: NewPaymentAsked) -> Fields:
    need_patient(asked)
    if not asked.amount.is_finite() or not 0 < asked.amount < 10**9:
        raise InvalidRequest("Invalid amount: send a number above 0, such as 35.00.")
    return {"amount": cents(asked.amount)}


OPERATIONS = (
    Operation(
        name="claims.create",
        path="/v1/claims",
        status=202,
        asked=NewClaimAsked,
        record="claim_id",
        kind="claim",
        message="Claim creation queued. A webhook event will be sent upon completion.",
        summary="Create the claim of an appointment.",
        done="claim.created",
        failed="claim.failed",
        ids={"appointment_id": Other(kinds=("appointment",), field="appointment_ehr_id")},
        echo=("appointment_id",),
        changes=frozenset({"appointment"}),
        echoed=("appointment_id",),
        not_found="Appointment not found.",
        not_created="Appointment is missing emr_appointment_id; cannot create claim.",
        shape=_claim,
        data=lambda done: {"appointment_id": done.asked.get("appointment_id"), "emr_claim_id": done.held.ehr_id},
    ),
    Operation(
        name="payments.create",
        path="/v1/payments",
        asked=NewPaymentAsked,
        record="payment_id",
        kind="payment",
        message="Payment processing. A webhook event will be sent upon completion.",
        summary="Post a payment of a patient.",
        done="payment.created",
        failed="payment.failed",
        names={"location": "location_ehr_id"},
        shape=_payment,
        data=lambda done: {
            "emr_payment_id": done.held.ehr_id,
            "patient_mrn": done.write.patient_mrn,
            "amount": done.write.amount,
            "reference_number": done.write.reference_number,
        },
    ),
)
