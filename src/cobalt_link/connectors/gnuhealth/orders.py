"""Orders for a patient: lab requests with their results, and prescribed medicines.

The lab is a module of its own (`health_lab`) that a server may not have. A result that nobody requested counts as an
order too: the lab's staff may enter it without a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from cobalt_link.connector import LabResults, LabValue, Order
from cobalt_link.connectors.gnuhealth.appointments import timezone
from cobalt_link.connectors.gnuhealth.lab import DONE, RESULT, RESULTS, lab_results
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import full_name, inside, number

Row = dict[str, Any]
REQUEST, LINE = "gnuhealth.patient.lab.test", "gnuhealth.prescription.line"
WHO = ["name", "lastname", "ref", "dob"]
REQUESTS = ["request", "test_type", "test_type.name", "test_type.code", "state", "date", "doctor_id", "urgent",
            "specimen_type", "comment", *(f"patient_id.party.{name}" for name in WHO)]  # fmt: skip
LINES = ["medicament.rec_name", "dose", "dose_unit.name", "route.name", "form.name", "common_dosage.name", "quantity",
         "refills", "short_comment", "presc_order.prescription_id", "presc_order.prescription_date",
         "presc_order.state", "presc_order.healthprof",
         *(f"presc_order.patient.party.{name}" for name in WHO)]  # fmt: skip
STATUSES = {"tested": "completed", "cancel": "cancelled", "done": "completed", "validated": "completed"}
BY_ID = [["id", "ASC"]]


async def orders(
    server: Server,
    *,
    patient_mrn: str | None = None,
    patient_ehr_id: str | None = None,
    start: date | None = None,
    end: date | None = None,
) -> list[Row]:
    """Those of one patient, oldest first, with `start` and `end` included. `type` is "lab" or "medication", `status`
    "pending", "completed" or "cancelled", `date` a day of the practice."""

    def of(path: str) -> list[Any]:
        known = [[f"{path}.party.ref", "=", patient_mrn]] if patient_mrn is not None else []
        return known + ([[path, "=", number(patient_ehr_id) or -1]] if patient_ehr_id is not None else [])

    found = [_medicine(server, row) async for row in server.rows(LINE, of("presc_order.patient"), LINES, BY_ID)]
    if await server.model("ir.model", "search_count", [["model", "=", REQUEST]]):
        results = [row async for row in server.rows(RESULT, of("patient"), RESULTS, BY_ID)]
        requests = [row async for row in server.rows(REQUEST, of("patient_id"), REQUESTS, BY_ID)]
        found += _lab(server, requests, results)
    within = [row for row in found if (start or date.min) <= (row["date"] or date.min) <= (end or date.max)]
    return sorted(within, key=lambda row: (row["date"] or date.min, row["order_id"]))


def order(row: Row) -> Order:
    patient = row["patient"]
    return Order(
        ehr_id=row["order_id"],
        name=row["name"],
        type=row["type"],
        status=row["status"],
        ordered_on=row["date"],
        patient_ehr_id=patient["ehr_id"],
        patient_mrn=patient["mrn"] or None,
        patient_name=patient["name"] or None,
        patient_dob=patient["dob"],
        provider_ehr_id=row["provider"],
        details=row["details"],
        lab_results=_results(row["lab_results"]),
    )


def _results(found: Row | None) -> LabResults | None:
    if found is None:
        return None
    resulted = found["resulted_at"]
    return LabResults(
        status=found["status"],
        resulted_on=resulted.date() if resulted else None,
        text=found["results"],
        comment=found["diagnosis"],
        values=tuple(LabValue(**each) for each in found["values"]),
    )


def _lab(server: Server, requests: list[Row], results: list[Row]) -> Iterator[Row]:
    open_results = {(row["request_order"], row["test"]): row for row in results if row["request_order"] is not None}
    for row in requests:
        result = open_results.pop((row["request"], row["test_type"]), None)
        finished = result is not None and result["state"] in DONE
        details = {
            "code": inside(row, "test_type", "code"),
            "specimen": row["specimen_type"],
            "comment": row["comment"],
        }
        yield {
            "order_id": f"lab-{row['id']}",
            "name": inside(row, "test_type", "name") or "",
            "type": "lab",
            "status": "completed" if finished else STATUSES.get(row["state"], "pending"),
            "date": _day(server, row["date"]),
            "provider": _id(row["doctor_id"]),
            "patient": _patient(row["patient_id."]),
            "details": _texts(details | {"urgent": "yes" if row["urgent"] else None}),
            "lab_results": lab_results(server, result) if result else None,
        }
    alone = [row for row in results if row["request_order"] is None or row in open_results.values()]
    for row in alone:
        yield {
            "order_id": f"result-{row['id']}",
            "name": inside(row, "test", "name") or "",
            "type": "lab",
            "status": "completed" if row["state"] in DONE else "pending",
            "date": _day(server, row["date_requested"]),
            "provider": _id(row["requestor"]),
            "patient": _patient(row["patient."]),
            "details": _texts({"code": inside(row, "test", "code"), "specimen": row["specimen_type"]}),
            "lab_results": lab_results(server, row),
        }


def _medicine(server: Server, row: Row) -> Row:
    order = row["presc_order."]
    dose = f"{row['dose']:g} {inside(row, 'dose_unit', 'name') or ''}".strip() if row["dose"] else None
    details = {
        "prescription": order["prescription_id"],
        "dose": dose,
        "frequency": inside(row, "common_dosage", "name"),
        "route": inside(row, "route", "name"),
        "form": inside(row, "form", "name"),
        "quantity": _id(row["quantity"]),
        "refills": _id(row["refills"]),
        "comment": row["short_comment"],
    }
    return {
        "order_id": f"rx-{row['id']}",
        "name": inside(row, "medicament", "rec_name") or "",
        "type": "medication",
        "status": STATUSES.get(order["state"], "pending"),
        "date": _day(server, order["prescription_date"]),
        "provider": _id(order["healthprof"]),
        "patient": _patient(order["patient."]),
        "details": _texts(details),
        "lab_results": None,
    }


def _patient(row: Row) -> Row:
    return {
        "ehr_id": str(row["id"]),
        "mrn": inside(row, "party", "ref") or "",
        "name": full_name(row, "party") or "",
        "dob": inside(row, "party", "dob"),
    }


def _day(server: Server, moment: Any) -> date | None:
    return moment.astimezone(timezone(server)).date() if moment else None


def _id(value: int | None) -> str | None:
    return str(value) if value is not None else None


def _texts(details: dict[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in details.items() if text}
