"""Patients and visits in the file: seeding them, finding them. Owns the tables patient, planned and appointment."""

import sqlite3
import unicodedata
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr.clinic.made_up_patients import Patient, patients
from sandbox_ehr.clinic.made_up_visits import Visit, VisitDetails, visits_of
from sandbox_ehr.clinic.practice import Clinic

DAYS_AROUND = 30
# A phone with no digit in it would match everybody, so it is refused.
Phone = Annotated[str, msgspec.Meta(pattern=r"^$|\d", max_length=40)]
Offset = Annotated[int, msgspec.Meta(ge=0)]

_PATIENT_FILTER = """
    clinic = :clinic
    AND (:id = '' OR id = :id)
    AND (:mrn = '' OR mrn = :mrn)
    AND (:dob = '' OR dob = :dob)
    AND instr(first, :first_name) > 0
    AND instr(last, :last_name) > 0
    AND instr(phones, :phone) > 0
"""
_PATIENT_SEARCH = """
    SELECT doc, count(*) OVER () AS total
    FROM patient
    WHERE clinic = :clinic AND (
        instr(names, :text) > 0
        OR instr(lower(mrn), :text) > 0
        OR (length(:digits) >= 4 AND instr(phones, :digits) > 0)
    )
    ORDER BY last, first, id LIMIT :limit OFFSET :offset
"""
_VISITS = """
    SELECT a.*, p.doc AS patient
    FROM appointment a JOIN patient p ON p.id = a.patient_id
    WHERE a.clinic = :clinic
"""
_VISIT_FILTER = """
    AND a.day BETWEEN :start AND :end
    AND (:mode = '' OR a.mode = :mode)
    AND (:patient_mrn = '' OR p.mrn = :patient_mrn)
    AND instr(p.names, :patient_name) > 0
    AND instr(p.phones, :patient_phone) > 0
    ORDER BY a.starts_at, a.id
"""


class PatientQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names match anywhere in the name, without regard to case or accents; a phone by its digits."""

    id: str = ""
    mrn: str = ""
    first_name: str = ""
    last_name: str = ""
    dob: date | None = None
    phone: Phone = ""
    offset: Offset = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class VisitQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`start` and `end` are local days of the clinic, both included."""

    start: date
    end: date
    patient_mrn: str = ""
    patient_name: str = ""
    patient_phone: Phone = ""
    mode: Literal["", "office", "video"] = ""
    include: Literal["", "progress_note"] = ""
    offset: Offset = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500


class VisitRow(msgspec.Struct, frozen=True):
    id: str
    starts_at: float
    ends_at: float
    mode: str
    plan: str
    outcome: str
    details: VisitDetails
    patient: Patient


def fold(text: str) -> str:
    """The text as search compares it: no accents, no case."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def seed_patients(connection: sqlite3.Connection) -> None:
    """Put every made-up patient in; those that are there stay as they are."""
    connection.executemany(
        "INSERT OR IGNORE INTO patient VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_patient_row(clinic, patient) for clinic, patient in patients()],
    )


def plan_around(connection: sqlite3.Connection, clinic: Clinic, now: float) -> None:
    """Have a schedule for every day from 30 days before to 30 days after the clinic's today."""
    today = datetime.fromtimestamp(now, ZoneInfo(clinic.timezone)).date()
    days = [today + timedelta(days=away) for away in range(-DAYS_AROUND, DAYS_AROUND + 1)]
    known = {
        row["day"]
        for row in connection.execute(
            "SELECT day FROM planned WHERE clinic = ? AND day BETWEEN ? AND ?",
            (clinic.id, days[0].isoformat(), days[-1].isoformat()),
        )
    }
    missing = [day for day in days if day.isoformat() not in known]
    if missing:
        _plan(connection, clinic, missing)


def find_patients(connection: sqlite3.Connection, clinic: str, query: PatientQuery) -> tuple[int, list[Patient]]:
    """How many match in all, and the wanted page of them by last and first name."""
    values = {
        "clinic": clinic,
        "id": query.id,
        "mrn": query.mrn,
        "dob": query.dob.isoformat() if query.dob else "",
        "first_name": fold(query.first_name),
        "last_name": fold(query.last_name),
        "phone": digits(query.phone),
        "limit": query.limit,
        "offset": query.offset,
    }
    total = connection.execute(f"SELECT count(*) FROM patient WHERE {_PATIENT_FILTER}", values).fetchone()[0]
    rows = connection.execute(
        f"SELECT doc FROM patient WHERE {_PATIENT_FILTER} ORDER BY last, first, id LIMIT :limit OFFSET :offset",
        values,
    )
    return total, [msgspec.json.decode(row["doc"], type=Patient) for row in rows]


def search_patients(
    connection: sqlite3.Connection, clinic: str, text: str, offset: int, limit: int
) -> tuple[int, list[Patient]]:
    """Patients whose name, MRN or phone holds the text: how many in all, and a page of them."""
    values = {"clinic": clinic, "text": fold(text), "digits": digits(text), "offset": offset, "limit": limit}
    rows = connection.execute(_PATIENT_SEARCH, values).fetchall()
    total = rows[0]["total"] if rows else 0
    return total, [msgspec.json.decode(row["doc"], type=Patient) for row in rows]


def find_visits(connection: sqlite3.Connection, clinic: Clinic, query: VisitQuery, now: float) -> list[VisitRow]:
    """All visits that match, by time."""
    plan_around(connection, clinic, now)
    values = {
        "clinic": clinic.id,
        "start": query.start.isoformat(),
        "end": query.end.isoformat(),
        "mode": query.mode,
        "patient_mrn": query.patient_mrn,
        "patient_name": fold(query.patient_name),
        "patient_phone": digits(query.patient_phone),
    }
    return [_visit(row) for row in connection.execute(_VISITS + _VISIT_FILTER, values)]


def find_visit(connection: sqlite3.Connection, clinic: Clinic, ehr_id: str, now: float) -> VisitRow | None:
    plan_around(connection, clinic, now)
    row = connection.execute(_VISITS + " AND a.id = :id", {"clinic": clinic.id, "id": ehr_id}).fetchone()
    return _visit(row) if row else None


def empty(connection: sqlite3.Connection) -> None:
    """Forget every patient and visit; the seed comes back with the next start or reset."""
    for table in ("appointment", "planned", "patient"):
        connection.execute(f"DELETE FROM {table}")


def _plan(connection: sqlite3.Connection, clinic: Clinic, days: list[date]) -> None:
    # The made-up list, not the table: a patient who was added later may not change who comes on which day.
    ids = [patient.id for owner, patient in patients() if owner == clinic.id]
    rows = [_visit_row(clinic.id, visit, ids) for day in days for visit in visits_of(clinic.id, day)]
    connection.executemany("INSERT OR IGNORE INTO appointment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany("INSERT INTO planned VALUES (?, ?)", [(clinic.id, day.isoformat()) for day in days])


def _patient_row(clinic: str, patient: Patient) -> tuple[str, ...]:
    return (
        patient.id,
        clinic,
        patient.mrn,
        patient.dob,
        fold(patient.first_name),
        fold(patient.last_name),
        fold(_whole_names(patient)),
        f"{digits(patient.phones.home)}|{digits(patient.phones.mobile)}",
        msgspec.json.encode(patient).decode(),
    )


def _whole_names(patient: Patient) -> str:
    first, last = patient.first_name, patient.last_name
    given = f"{first} {patient.middle_name}".strip()
    return "\n".join((f"{first} {last}", f"{given} {last}", f"{last}, {given}"))


def _visit_row(clinic: str, visit: Visit, patient_ids: list[str]) -> tuple[str | float, ...]:
    starts = visit.starts.timestamp()
    return (
        visit.id,
        clinic,
        visit.starts.date().isoformat(),
        starts,
        starts + visit.details.minutes * 60,
        patient_ids[visit.patient % len(patient_ids)],
        visit.mode,
        visit.plan,
        visit.outcome,
        msgspec.json.encode(visit.details).decode(),
    )


def _visit(row: sqlite3.Row) -> VisitRow:
    return VisitRow(
        row["id"],
        row["starts_at"],
        row["ends_at"],
        row["mode"],
        row["plan"],
        row["outcome"],
        msgspec.json.decode(row["doc"], type=VisitDetails),
        msgspec.json.decode(row["patient"], type=Patient),
    )
