"""The insurance plans of patients. The EHR writes some values its own way, and keeps in the audit trail what it did."""

import sqlite3
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, payers, records
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_patients import Coverage
from sandbox_ehr.clinic.made_up_patients import patients as made_up_patients
from sandbox_ehr.clinic.records import ClientRef, Kind, Line, ListQuery, MadeUpRow, Row
from sandbox_ehr.refusals import RequestRefused

INSURANCE = Kind("insurance", "insurances", "I")
RELATIONS = ("self", "spouse", "mother", "father", "step_parent", "child", "employee", "life_partner", "other")
Relation = Literal["self", "spouse", "mother", "father", "step_parent", "child", "employee", "life_partner", "other"]
Rank = Annotated[int, msgspec.Meta(ge=1, le=3)]
Money = Annotated[float, msgspec.Meta(ge=0, le=10**6)]
_CAPITALS = "The EHR keeps numbers of members and groups, and states, in capitals and without blanks."


class Subscriber(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    first_name: Line = ""
    last_name: Line = ""
    dob: date | None = None
    sex: Literal["", "F", "M", "U"] = ""
    phone: Line = ""
    street: Line = ""
    city: Line = ""
    state: Line = ""
    zip: Line = ""


class PlanOfPatient(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan without its patient. Without `rank`, it takes the first that is free."""

    payer_id: str
    member_id: Line
    group: Line = ""
    rank: Rank | None = None
    begins_on: date | None = None
    copay: Money = 0
    relation: Relation = "self"
    subscriber: Subscriber = Subscriber()


class NewInsurance(PlanOfPatient, frozen=True, kw_only=True):
    """The body of `POST /api/insurances`."""

    patient_id: str
    client_ref: ClientRef = ""


class InsuranceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `PATCH /api/insurances/{id}`. What is left out stays."""

    payer_id: str | UnsetType = UNSET
    member_id: Line | UnsetType = UNSET
    group: Line | UnsetType = UNSET
    rank: Rank | UnsetType = UNSET
    begins_on: date | UnsetType = UNSET
    copay: Money | UnsetType = UNSET
    relation: Relation | UnsetType = UNSET
    subscriber: Subscriber | UnsetType = UNSET


class InsuranceQuery(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""


def seed(connection: sqlite3.Connection) -> None:
    for clinic, rows in _made_up().items():
        records.add_made_up(connection, clinic, INSURANCE, rows)


def create(connection: sqlite3.Connection, context: ChartContext, body: NewInsurance) -> Row:
    return add_plan(connection, context, body.patient_id, body, body.client_ref)


def add_plan(
    connection: sqlite3.Connection, context: ChartContext, patient_id: str, plan: PlanOfPatient, client_ref: str = ""
) -> Row:
    """Raises RequestRefused if the payer is unknown, a subscriber has no name, or the rank is taken."""
    patients.require(connection, context.clinic.id, patient_id)
    values: Row = msgspec.to_builtins(plan)
    asked = {name: values[name] for name in PlanOfPatient.__struct_fields__}
    asked["rank"] = plan.rank or _free_rank(connection, context, patient_id)
    doc = {"patient_id": patient_id, "payer": "", **asked, "audit": [], "client_ref": client_ref}
    _check(connection, context, doc)
    doc["audit"] = _audit(context, dict.fromkeys(asked), asked, doc)
    row = records.add(connection, context, INSURANCE, doc)
    _summarize(connection, context, patient_id)
    return row


def change(connection: sqlite3.Connection, context: ChartContext, row_id: str, body: InsuranceChange) -> Row:
    before = records.one(connection, context, INSURANCE, row_id)
    asked: Row = msgspec.to_builtins(body)
    doc = before | asked
    _check(connection, context, doc)
    changes = {name: doc[name] for name in (*asked, "payer", "member_id", "group", "subscriber")}
    changes["audit"] = [*before["audit"], *_audit(context, before, asked, doc)]
    row = records.change(connection, context, INSURANCE, row_id, changes)
    _summarize(connection, context, before["patient_id"])
    return row


def of_patient(connection: sqlite3.Connection, context: ChartContext, patient_id: str) -> list[Row]:
    """By rank."""
    _, rows = records.find(connection, context, INSURANCE, InsuranceQuery(patient_id=patient_id))
    return sorted(rows, key=lambda row: row["rank"])


def subscriber_name(row: Row, patient: Any) -> str:
    """The patient, unless the plan is somebody else's."""
    subscriber = row["subscriber"]
    name = f"{subscriber['first_name']} {subscriber['last_name']}".strip()
    return name or f"{patient.first_name} {patient.last_name}"


def _check(connection: sqlite3.Connection, context: ChartContext, doc: Row) -> None:
    """Refuse what is not valid, and put the rest into the form in which the EHR keeps it."""
    payer = payers.BY_ID.get(doc["payer_id"])
    if payer is None or not payer.active:
        raise RequestRefused(refusals.unknown_reference("payer_id"))
    subscriber = doc["subscriber"]
    if doc["relation"] != "self" and not (subscriber["first_name"] and subscriber["last_name"]):
        raise RequestRefused(refusals.missing_fields(["subscriber.first_name", "subscriber.last_name"]))
    doc["payer"] = payer.name
    doc["member_id"] = doc["member_id"].replace(" ", "").upper()
    doc["group"] = doc["group"].replace(" ", "").upper()
    doc["subscriber"] = subscriber | {"state": subscriber["state"].upper()}
    if not doc["member_id"]:
        raise RequestRefused(refusals.missing_fields(["member_id"]))
    others = [row for row in of_patient(connection, context, doc["patient_id"]) if row["id"] != doc.get("id")]
    if doc["rank"] in {row["rank"] for row in others}:
        raise RequestRefused(refusals.rank_taken(doc["rank"]))


def _audit(context: ChartContext, before: Row, asked: Row, after: Row) -> list[Row]:
    """One entry for each member that changed. Where the EHR corrected a value, the entry has what was asked for."""
    entries = []
    for name in asked:
        if before[name] == after[name]:
            continue
        entry = {"field": name, "before": before[name], "after": after[name]}
        if after[name] != asked[name]:
            entry |= {"attempted": asked[name], "note": _CAPITALS}
        entries.append(entry | {"at": context.written_at, "by": context.user_name})
    return entries


def _free_rank(connection: sqlite3.Connection, context: ChartContext, patient_id: str) -> int:
    taken = {row["rank"] for row in of_patient(connection, context, patient_id)}
    return next((rank for rank in (1, 2) if rank not in taken), 3)


def _summarize(connection: sqlite3.Connection, context: ChartContext, patient_id: str) -> None:
    patient = patients.require(connection, context.clinic.id, patient_id)
    summary = tuple(
        Coverage(row["rank"], row["payer"], row["member_id"], row["group"], subscriber_name(row, patient))
        for row in of_patient(connection, context, patient_id)
    )
    patients.save(connection, context.clinic.id, msgspec.structs.replace(patient, insurance=summary))


@cache
def _made_up() -> dict[str, list[MadeUpRow]]:
    made: dict[str, list[MadeUpRow]] = {}
    for clinic, patient in made_up_patients():
        since = date.fromisoformat(patient.created_at[:10])
        for cover in patient.insurance:
            plan = PlanOfPatient(
                payer_id=payers.BY_NAME[cover.payer].id,
                member_id=cover.member_id,
                group=cover.group,
                rank=cover.rank,
                begins_on=since.replace(month=1, day=1),
                copay=(0, 20, 25, 40)[int(patient.id) % 4],
            )
            doc = {"patient_id": patient.id, "payer": cover.payer, **msgspec.to_builtins(plan), "audit": []}
            row = MadeUpRow(id=f"I{patient.id}{cover.rank}", created_at=_midday(since), created_by="u1", doc=doc)
            made.setdefault(clinic, []).append(row)
    return made


def _midday(day: date) -> float:
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * 86400 + 43200
