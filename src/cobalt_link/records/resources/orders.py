"""Orders for one patient, with the keys of both documented forms (contract §4.12, §9 row 27)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from cobalt_link.connector.models import LabResults, Order, OrderStatus, OrderType
from cobalt_link.records.asked import FirstDay, LastDay, PatientId, PatientMrn, UpdatedSince
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.ids import Named
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import Resource, shown_as


class OrdersAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`patient_mrn` or `patient_id` is required."""

    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    start_date: FirstDay = None
    end_date: LastDay = None
    updated_since: UpdatedSince = None


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """`id` and `order_id`, `ordered_date` and `order_date` are the same. `provider_id` is the EHR's id of the provider.
    `details` has a name, and what only this kind of order has: `code`, `results_url`, `location`, `scheduled_date`."""

    id: str
    order_id: str
    ehr_id: str
    type: OrderType
    status: OrderStatus
    order_name: str
    order_date: date | None
    ordered_date: date | None
    provider_id: str | None
    patient_id: str | None
    patient_mrn: str | None
    patient_name: str | None
    patient_dob: date | None
    appointment_id: str | None
    details: dict[str, str]
    lab_results: LabResults | None
    updated_at: datetime | None


def named(each: Order) -> list[Named]:
    return [("appointment", each.appointment_ehr_id)] if each.appointment_ehr_id else []


def view(each: Order, ids: Ids) -> OrderView:
    more: dict[str, Any] = {
        "id": ids["order", each.ehr_id],
        "order_id": ids["order", each.ehr_id],
        "order_name": each.name,
        "order_date": each.ordered_on,
        "ordered_date": each.ordered_on,
        "provider_id": each.provider_ehr_id,
        "patient_id": our_id(ids, "patient", each.patient_ehr_id),
        "appointment_id": our_id(ids, "appointment", each.appointment_ehr_id),
        "details": {"name": each.name, **each.details},
    }
    return shown_as(OrderView, each, **more)


RESOURCE: Resource[Order] = Resource(
    capability="orders",
    kind="order",
    named=named,
    path="/v1/orders",
    summary="List the orders for a patient.",
    key="orders",
    shown=OrderView,
    view=view,
    asked=OrdersAsked,
)
ENDPOINTS = endpoints(RESOURCE)
