"""Claims for visits: one per visit, with its charges, the patient's plans, and what was paid."""

import sqlite3
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from sandbox_ehr import refusals
from sandbox_ehr.clinic import insurances, notes, payers, records, visits
from sandbox_ehr.clinic.charges import CHARGES, CLAIM_STATUSES, OTHER_PRICE, PRICES, TEXTS, money
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_patients import Patient
from sandbox_ehr.clinic.practice import Provider
from sandbox_ehr.clinic.records import Kind, ListQuery, NewRow, Row
from sandbox_ehr.clinic.visits import Visit
from sandbox_ehr.refusals import RequestRefused

CLAIM = Kind("claim", "claims", "C", parent="visit_id", day="service_date")
STATUS_TEXTS = {status.code: status.description for status in CLAIM_STATUSES}
RANKS = {1: ("P", "Primary"), 2: ("S", "Secondary"), 3: ("T", "Tertiary")}
MEDICAID = "P004"


class NewClaim(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/claims`. The charges come from the notes of the visit, or from its type."""

    visit_id: str


class ClaimQuery(ListQuery, frozen=True, kw_only=True):
    """`start` and `end` are days of service, both included."""

    patient_id: str = ""
    visit_id: str = ""
    provider_id: str = ""
    status: Literal["", "10RD", "20SB", "30RJ", "48CL"] = ""
    start: date | None = None
    end: date | None = None


def create(connection: sqlite3.Connection, context: ChartContext, body: NewClaim) -> Row:
    """Raises RequestRefused if the visit has a claim already, or has not started."""
    visit = visits.find_one(connection, context.clinic, body.visit_id, context.now)
    if visit is None:
        raise RequestRefused(refusals.unknown_reference("visit_id"))
    same = records.of_parents(connection, context, CLAIM, [visit.id])
    if same:
        raise RequestRefused(refusals.duplicate_claim(same[0]["id"]))
    if visit.status_at(context.now) not in ("CHKIN", "DONE"):
        raise RequestRefused(refusals.visit_not_started())
    written = records.of_parents(connection, context, notes.NOTE, [visit.id])
    codes = [code for note in written for code in note["cpt"]]
    icd10 = [code for note in written for code in note["icd10"]]
    plans = insurances.of_patient(connection, context, visit.patient.id)
    doc = claim_of(context, visit, plans, codes, icd10) | {"claim_date": context.today.isoformat()}
    return records.add(connection, context, CLAIM, doc | {"client_ref": body.client_ref})


def claim_of(context: ChartContext, visit: Visit, plans: list[Row], codes: list[str], icd10: list[str]) -> Row:
    """A claim that is ready to send. Amounts are dollars as text."""
    provider = next(each for each in context.clinic.providers if each.id == visit.details.provider_id)
    day = context.local(visit.starts_at).date().isoformat()
    lines = [_line(number, code, icd10, day) for number, code in enumerate(codes or [_usual(visit)], 1)]
    total = money(sum(Decimal(line["charge"]) for line in lines))
    amounts = {"total_charge": total, "total_payment": "0.00", "net_payment": "0.00", "net_adjustment": "0.00"}
    return {
        "patient_id": visit.patient.id,
        "visit_id": visit.id,
        "provider_id": provider.id,
        "provider_name": f"{provider.last_name}, {provider.first_name}",
        "service_date": day,
        "claim_date": day,
        "type": "professional",
        "void": False,
        **status_of("10RD"),
        **amounts,
        "balance": total,
        "patient_responsibility": "0.00" if plans else total,
        "insurances": [_plan(plan, visit.patient, provider) for plan in plans],
        "lines": lines,
        "payments": [],
        "activity": [{"at": day, "text": "Claim created"}],
    }


def paid(claim: Row, payment: Decimal, copay: Decimal, day: str) -> Row:
    """The claim once the payer has paid: what it allows, less the copay, and the rest written off."""
    payment = min(payment, Decimal(claim["total_charge"]) - copay)
    adjustment = Decimal(claim["total_charge"]) - payment - copay
    return claim | {
        **status_of("48CL"),
        "total_payment": money(payment + copay),
        "net_payment": money(payment + copay),
        "net_adjustment": money(adjustment),
        "balance": "0.00",
        "patient_responsibility": money(copay),
        "payments": [{"on": day, "from": "payer", "amount": money(payment)}],
        "activity": [*claim["activity"], {"at": day, "text": "Paid by the payer"}],
    }


def status_of(code: str) -> Row:
    return {"status": code, "status_text": STATUS_TEXTS[code]}


def _usual(visit: Visit) -> str:
    return CHARGES[visit.details.type][0]


def _line(number: int, code: str, icd10: list[str], day: str) -> Row:
    price = PRICES.get(code, OTHER_PRICE)
    text = TEXTS.get(code, "")
    return {"line": number, "cpt": code, "text": text, "units": 1, "charge": price, "icd10": icd10[:4], "on": day}


def _plan(plan: Row, patient: Patient, provider: Provider) -> Row:
    indicator, text = RANKS[plan["rank"]]
    payer = payers.BY_ID[plan["payer_id"]]
    subscriber: dict[str, Any] = plan["subscriber"]
    own = plan["relation"] == "self"
    return {
        "insurance_id": plan["id"],
        "payer_id": payer.id,
        "payer": payer.name,
        "type": "C1",
        "indicator": indicator,
        "indicator_text": text,
        "rank": plan["rank"],
        "subscriber": insurances.subscriber_name(plan, patient),
        "member_id": plan["member_id"],
        "subscriber_dob": patient.dob if own else subscriber["dob"] or "",
        "relation": plan["relation"],
        "group_name": f"{payer.name} group",
        "group": plan["group"],
        "provider_number": provider.npi,
        "payment_source": "commercial" if payer.id != MEDICAID else "medicaid",
        "assign_benefits": True,
        "address": {"street": "PO Box 100", "line2": "", "city": "Larkspur Falls", "state": "NY", "zip": "00410"},
        "medicaid_id": plan["member_id"] if payer.id == MEDICAID else "",
    }
