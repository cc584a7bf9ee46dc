"""Payments of patients."""

import sqlite3
from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, records
from sandbox_ehr.clinic.charges import PAYMENT_METHODS, money
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.records import Kind, ListQuery, NewRow, Row
from sandbox_ehr.refusals import RequestRefused

PAYMENT = Kind("payment", "payments", "PY", day="deposited_on")
LARGEST = Decimal(10**6)


class NewPayment(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/payments`. `amount` is dollars, as text or number. Without `deposited_on`, today."""

    patient_id: str
    method_id: str
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    location_id: str
    amount: Decimal
    notes: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    deposited_on: date | None = None


class PaymentQuery(ListQuery, frozen=True, kw_only=True):
    """`start` and `end` are days of deposit, both included."""

    patient_id: str = ""
    start: date | None = None
    end: date | None = None


def create(connection: sqlite3.Connection, context: ChartContext, body: NewPayment) -> Row:
    patients.require(connection, context.clinic.id, body.patient_id)
    methods = {method.code: method.description for method in PAYMENT_METHODS}
    if body.method_id not in methods:
        raise RequestRefused(refusals.unknown_reference("method_id"))
    if body.location_id not in {location.id for location in context.clinic.locations}:
        raise RequestRefused(refusals.unknown_reference("location_id"))
    if not (body.amount.is_finite() and 0 < body.amount <= LARGEST and body.amount == round(body.amount, 2)):
        raise RequestRefused(refusals.invalid_value("amount", "An amount is dollars and cents, and more than nothing."))
    doc: Row = msgspec.to_builtins(body)
    doc |= {"amount": money(body.amount), "method": methods[body.method_id]}
    doc["deposited_on"] = (body.deposited_on or context.today).isoformat()
    return records.add(connection, context, PAYMENT, doc)
