"""Visits in the file: planning them around today, and finding them. Owns the tables planned and appointment."""

import sqlite3
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr.clinic.made_up_patients import Patient, patients
from sandbox_ehr.clinic.made_up_visits import PlannedVisit, VisitDetails, visits_on
from sandbox_ehr.clinic.practice import Clinic
from sandbox_ehr.clinic.search_text import Phone, digits, words

DAYS_AROUND_TODAY = 30

_VISITS = """
    SELECT a.*, p.doc AS patient
    FROM appointment a JOIN patient p ON p.id = a.patient_id
    WHERE a.clinic = :clinic
"""
_FILTER = """
    AND a.day BETWEEN :start AND :end
    AND (:mode = '' OR a.mode = :mode)
    AND (:patient_mrn = '' OR p.mrn = :patient_mrn)
    AND NOT EXISTS (SELECT 1 FROM json_each(:patient_names) WHERE instr(p.names, value) = 0)
    AND instr(p.phones, :patient_phone) > 0
    ORDER BY a.starts_at, a.id
"""


class VisitQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of `GET /api/appointments`. `start` and `end` are local days of the clinic, both included."""

    start: date
    end: date
    patient_mrn: str = ""
    patient_name: str = ""
    patient_phone: Phone = ""
    mode: Literal["", "office", "video"] = ""
    include: Literal["", "progress_note"] = ""
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500


class Visit(msgspec.Struct, frozen=True):
    """Times are seconds since 1970. For `plan` and `outcome` see `status_at`."""

    id: str
    starts_at: float
    ends_at: float
    mode: str
    plan: str
    outcome: str
    details: VisitDetails
    patient: Patient

    def status_at(self, now: float) -> str:
        """The status follows the clock, so nothing has to change the file while time passes."""
        if now < self.starts_at or self.plan in ("CANC", "R/S"):
            return self.plan
        # A patient who does not come is never checked in.
        return self.outcome if now >= self.ends_at or self.outcome == "NOSHOW" else "CHKIN"


def find(connection: sqlite3.Connection, clinic: Clinic, query: VisitQuery, now: float) -> list[Visit]:
    """All visits that match, by time. `offset` and `limit` of the query are left to the caller."""
    _plan_around_today(connection, clinic, now)
    values = {
        "clinic": clinic.id,
        "start": query.start.isoformat(),
        "end": query.end.isoformat(),
        "mode": query.mode,
        "patient_mrn": query.patient_mrn,
        "patient_names": msgspec.json.encode(words(query.patient_name)).decode(),
        "patient_phone": digits(query.patient_phone),
    }
    return [_visit(row) for row in connection.execute(_VISITS + _FILTER, values)]


def find_one(connection: sqlite3.Connection, clinic: Clinic, visit_id: str, now: float) -> Visit | None:
    _plan_around_today(connection, clinic, now)
    row = connection.execute(_VISITS + " AND a.id = :id", {"clinic": clinic.id, "id": visit_id}).fetchone()
    return _visit(row) if row else None


def delete_all(connection: sqlite3.Connection) -> None:
    for table in ("appointment", "planned"):
        connection.execute(f"DELETE FROM {table}")


def _plan_around_today(connection: sqlite3.Connection, clinic: Clinic, now: float) -> None:
    """Make sure that every day from 30 days before to 30 days after the clinic's today has its visits."""
    # On every read, because a test may move the clock by years. Usually all days are there already.
    today = datetime.fromtimestamp(now, ZoneInfo(clinic.timezone)).date()
    days = [today + timedelta(days=away) for away in range(-DAYS_AROUND_TODAY, DAYS_AROUND_TODAY + 1)]
    planned = {
        row["day"]
        for row in connection.execute(
            "SELECT day FROM planned WHERE clinic = ? AND day BETWEEN ? AND ?",
            (clinic.id, days[0].isoformat(), days[-1].isoformat()),
        )
    }
    missing = [day for day in days if day.isoformat() not in planned]
    if missing:
        _plan(connection, clinic, missing)


def _plan(connection: sqlite3.Connection, clinic: Clinic, days: list[date]) -> None:
    # The made-up list and not the table: a patient who is added later must not change who comes on which day.
    ids = [patient.id for owner, patient in patients() if owner == clinic.id]
    rows = [_row(clinic.id, visit, ids) for day in days for visit in visits_on(clinic.id, day)]
    connection.executemany("INSERT OR IGNORE INTO appointment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany("INSERT INTO planned VALUES (?, ?)", [(clinic.id, day.isoformat()) for day in days])


def _row(clinic: str, visit: PlannedVisit, patient_ids: list[str]) -> tuple[str | float, ...]:
    starts = visit.starts.timestamp()
    return (
        visit.id,
        clinic,
        visit.starts.date().isoformat(),
        starts,
        starts + visit.details.minutes * 60,
        patient_ids[visit.patient_number % len(patient_ids)],
        visit.mode,
        visit.plan,
        visit.outcome,
        msgspec.json.encode(visit.details).decode(),
    )


def _visit(row: sqlite3.Row) -> Visit:
    return Visit(
        row["id"],
        row["starts_at"],
        row["ends_at"],
        row["mode"],
        row["plan"],
        row["outcome"],
        msgspec.json.decode(row["doc"], type=VisitDetails),
        msgspec.json.decode(row["patient"], type=Patient),
    )
