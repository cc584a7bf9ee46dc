"""Orders: what clinicians order for a patient, and the results of lab orders."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, first_day, last_day
from cobalt_link.connector.models.reading import Read, Records

OrderType: TypeAlias = Literal["lab", "imaging", "medication", "procedure"]
OrderStatus: TypeAlias = Literal["pending", "completed", "cancelled"]


class LabValue(msgspec.Struct, frozen=True, kw_only=True):
    """One result of a lab order. `value` is as the lab wrote it. `flag` is the lab's mark, such as "H"."""

    name: str
    code: str | None = None
    value: str | None = None
    unit: str | None = None
    reference_range: str | None = None
    flag: str | None = None


class LabResults(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a lab order. `status` is the EHR's own word. `text` is the report in words, `comment` what the
    clinician or the lab says on it."""

    status: str | None = None
    resulted_on: date | None = None
    text: str | None = None
    comment: str | None = None
    values: tuple[LabValue, ...] = ()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """`ordered_on` is a day of the practice. `details` are small texts that only this kind of order has, such as
    {"code": "CBC", "results_url": "https://…"}, {"location": "Main St Imaging"}, {"scheduled_date": "2026-03-01"}, or
    {"strength": "10 mg"}."""

    ehr_id: str
    name: str
    type: OrderType
    status: OrderStatus
    ordered_on: date | None = None
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_name: str | None = None
    patient_dob: date | None = None
    provider_ehr_id: str | None = None
    appointment_ehr_id: str | None = None
    details: dict[str, str] = {}
    lab_results: LabResults | None = None
    updated_at: datetime | None = None


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of one patient: `patient_mrn` or `patient_ehr_id` is always set. `start_date` and `end_date` are included."""

    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    updated_since: datetime | None = None


class ReadsOrders(Protocol):
    """`[reads] orders`."""

    def orders(self, chart: Chart, query: OrderQuery) -> Records[Order]:
        """The orders for one patient, in a stable order. Nothing for an unknown patient."""
        ...


READ = Read(
    protocol=ReadsOrders,
    record=Order,
    query=OrderQuery,
    always=("patient_mrn",),
    matches={
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
        "start_date": first_day("ordered_on"),
        "end_date": last_day("ordered_on"),
    },
    topics={
        Order: {
            "people": "patient_ehr_id patient_mrn patient_name patient_dob",
            "orders": "ehr_id name type status ordered_on provider_ehr_id appointment_ehr_id details lab_results"
            " updated_at",
        },
        LabResults: {"orders": "status resulted_on text comment values"},
        LabValue: {"orders": "name code value unit reference_range flag"},
    },
)
