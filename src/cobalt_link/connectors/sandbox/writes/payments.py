"""Payments of patients. The app names the method, and the EHR wants its id."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from cobalt_link.connector import Chart, Connector, Held, NewPayment, Writing, Written
from cobalt_link.connectors.sandbox.writes.choices import choices, id_of, same_name
from cobalt_link.connectors.sandbox.writes.fields import Field
from cobalt_link.connectors.sandbox.writes.rows import PATIENT, Table, client


def money(amount: str) -> str:
    """With two digits after the point, as the EHR keeps amounts. One with more digits stays, and is refused."""
    exact = Decimal(amount)
    return f"{exact:.2f}" if exact == round(exact, 2) else amount


PAYMENTS = Table(
    path="/payments",
    name="payment",
    fields=(
        *PATIENT,
        Field("reference_number", "reference"),
        Field("location_ehr_id", "location_id"),
        Field("amount", "amount", money),
        Field("notes", "notes"),
        Field("deposit_date", "deposited_on", date.isoformat, date.fromisoformat),
    ),
    called={"method_id": "payment_method"},
)


async def create(connector: Connector, chart: Chart, write: NewPayment) -> Written:
    api = client(connector, chart)
    methods = await choices(api, "payment-methods")
    return await PAYMENTS.create(
        api, write, {"method_id": id_of(write.payment_method, methods, "method_id", PAYMENTS.names)}
    )


async def read_back(connector: Connector, chart: Chart, write: NewPayment, _ehr_id: str | None) -> Held | None:
    row = await PAYMENTS.made(client(connector, chart), write)
    if row is None:
        return None
    method = write.payment_method if same_name(row["method"], write.payment_method) else row["method"]
    return PAYMENTS.held(write, row, payment_method=method)


PAYMENT = Writing(write=create, read_back=read_back)
