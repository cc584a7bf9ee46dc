"""Eligibility checks: what a payer answered about a patient's plan, and the benefits that it named."""

import sqlite3
from datetime import date
from typing import Annotated, Literal

import msgspec

from sandbox_ehr.clinic import insurances, patients, records
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_patients import Patient
from sandbox_ehr.clinic.page_query import Offset
from sandbox_ehr.clinic.records import Kind, ListQuery, NewRow, Row
from sandbox_ehr.clinic.seeded_choice import number, pick

CHECK = Kind("eligibility_check", "eligibility-checks", "E", parent="visit_id", day="service_date")
STATUSES = ("active",) * 8 + ("inactive", "error", "unknown")
MESSAGES = {
    "active": "",
    "inactive": "Coverage has ended.",
    "error": "Subscriber not found. Check the member id.",
    "unknown": "The payer did not answer.",
}
# X12 271: EB01 code, benefit, and the service type codes (EB03) for which payers usually name it.
BENEFITS = (
    ("1", "Active Coverage", ("30",)),
    ("B", "Co-Payment", ("98",)),
    ("A", "Co-Insurance", ("30",)),
    ("C", "Deductible", ("30",)),
    ("G", "Out of Pocket (Stop Loss)", ("30",)),
    ("B", "Co-Payment", ("UC",)),
    ("B", "Co-Payment", ("86",)),
    ("F", "Limitations", ("33",)),
)


class NewCheck(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/eligibility-checks`. Without `service_date`, today."""

    insurance_id: str
    service_date: date | None = None


class CheckQuery(ListQuery, frozen=True, kw_only=True):
    """`start` and `end` are days of service, both included."""

    patient_id: str = ""
    visit_id: str = ""
    status: Literal["", "active", "inactive", "error", "unknown"] = ""
    start: date | None = None
    end: date | None = None


class BenefitQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of `GET /api/eligibility-checks/{id}/benefits`."""

    type: str = ""
    offset: Offset = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100


def create(connection: sqlite3.Connection, context: ChartContext, body: NewCheck) -> Row:
    plan = records.require(connection, context, insurances.INSURANCE, body.insurance_id, "insurance_id")
    patient = patients.require(connection, context.clinic.id, plan["patient_id"])
    day = (body.service_date or context.today).isoformat()
    doc = check_of(plan, patient, day, context.written_at) | {"client_ref": body.client_ref}
    return records.add(connection, context, CHECK, doc)


def check_of(plan: Row, patient: Patient, day: str, answered_at: str, visit_id: str = "", provider_id: str = "") -> Row:
    """What the payer says. It says the same of the same plan every time."""
    status = pick(STATUSES, plan["payer_id"], plan["member_id"], "coverage")
    year = day[:4]
    amounts = {"deductible": None, "out_of_pocket": None}
    if status == "active":
        amounts = {
            "deductible": _amount(plan, 500, "deductible"),
            "out_of_pocket": _amount(plan, 3000, "out of pocket"),
        }
    return {
        "patient_id": patient.id,
        "visit_id": visit_id,
        "provider_id": provider_id,
        "insurance_id": plan["id"],
        "payer_id": plan["payer_id"],
        "payer": plan["payer"],
        "plan_name": f"{plan['payer']} {pick(('Gold', 'Silver', 'Basic'), plan['member_id'], 'plan')}",
        "member_id": plan["member_id"],
        "subscriber": insurances.subscriber_name(plan, patient),
        "relation": "self" if plan["relation"] == "self" else "dependent",
        "status": status,
        "message": MESSAGES[status],
        "service_date": day,
        "answered_at": answered_at,
        "plan_begins_on": plan["begins_on"] or f"{year}-01-01",
        "plan_ends_on": f"{int(year) - 1}-12-31" if status == "inactive" else "",
        **amounts,
        "benefit_count": len(BENEFITS) * 2 if status == "active" else 0,
    }


def benefits(connection: sqlite3.Connection, context: ChartContext, row_id: str, query: BenefitQuery) -> list[Row]:
    """All that match, in the payer's order. `offset` and `limit` are left to the caller."""
    check = records.one(connection, context, CHECK, row_id)
    count = check["benefit_count"]
    found = [_benefit(check, line) for line in range(count)]
    return [benefit for benefit in found if query.type.casefold() in ("", benefit["type"].casefold())]


def _benefit(check: Row, line: int) -> Row:
    code, name, services = BENEFITS[line // 2]
    inside = line % 2 == 0
    is_share = code == "A"
    amount = (
        "" if code in "1AF" else f"{5 * (1 + number(20, check['member_id'], line)) * (1 if code == 'B' else 50)}.00"
    )
    percent = f"{10 * (1 + number(4, check['member_id'], line))}" if is_share else ""
    marks = (code, "IND", "^".join(services), "", check["plan_name"], "", amount, percent and f".{percent}")
    return {
        "line": line + 1,
        "type": name,
        "code": code,
        "level": "IND",
        "services": list(services),
        "insurance_type": "Commercial",
        "period": "" if code in "1BA" else "Calendar Year",
        "amount": amount,
        "percent": percent,
        "network": "in-network" if inside else "out-of-network",
        "messages": [] if inside else ["Balance billing may apply."],
        "raw": "EB*" + "*".join(marks) + "~",
    }


def _amount(plan: Row, step: int, word: str) -> Row:
    total = step * (1 + number(4, plan["member_id"], word))
    return {"total": f"{total}.00", "met": f"{total * number(10, plan['member_id'], word, 'met') // 10}.00"}
