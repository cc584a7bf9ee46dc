"""Visits in the file: planning them around today, and finding them. Owns the tables planned and appointment."""

import sqlite3
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr.clinic import schedule_slots
from sandbox_ehr.clinic.made_up_patients import Patient, patients
from sandbox_ehr.clinic.made_up_visits import VisitDetails, visits_on
from sandbox_ehr.clinic.page_query import Offset
from sandbox_ehr.clinic.practice import CLINICS, OFF_THE_SCHEDULE, Clinic
from sandbox_ehr.clinic.search_text import Phone, digits, words

DAYS_AROUND_TODAY = 30

_VISITS = """
    SELECT a.*, p.doc AS patient
    FROM appointment a JOIN patient p ON p.id = a.patient_id
    WHERE a.clinic = :clinic
"""
_FILTER = """
    AND a.day BETWEEN :start AND :end
    AND (:client_ref = '' OR a.client_ref = :client_ref)
    AND (:patient_id = '' OR a.patient_id = :patient_id)
    AND (:provider_id = '' OR a.provider = :provider_id)
    AND (:mode = '' OR a.mode = :mode)
    AND (:patient_mrn = '' OR p.mrn = :patient_mrn)
    AND NOT EXISTS (SELECT 1 FROM json_each(:patient_names) WHERE instr(p.names, value) = 0)
    AND instr(p.phones, :patient_phone) > 0
    ORDER BY a.starts_at, a.id
"""
_OVERLAPPING = """
    AND a.starts_at < :ends_at AND a.ends_at > :starts_at AND a.id <> :id
    AND (a.provider IN (:provider, :second) OR a.second IN (:provider, nullif(:second, '')))
    ORDER BY a.starts_at, a.id
"""
_OF_STAGE = " AND a.stage = :stage AND a.starts_at <= :before ORDER BY a.starts_at, a.id"
_INSERT = "INTO appointment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_WRITTEN = "SELECT client_ref, count(*) AS rows FROM appointment WHERE client_ref <> '' GROUP BY client_ref"


class VisitQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of `GET /api/appointments`. `start` and `end` are local days of the clinic, both included."""

    start: date | None = None
    end: date | None = None
    client_ref: str = ""
    patient_id: str = ""
    provider_id: str = ""
    patient_mrn: str = ""
    patient_name: str = ""
    patient_phone: Phone = ""
    mode: Literal["", "office", "video"] = ""
    include: Literal["", "progress_note"] = ""
    offset: Offset = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500


class Visit(msgspec.Struct, frozen=True):
    """Times are seconds since 1970. For `plan`, `outcome` and `set_status` see `status_at`."""

    id: str
    starts_at: float
    ends_at: float
    mode: str
    plan: str
    outcome: str
    details: VisitDetails
    patient: Patient
    set_status: str = ""
    stage: int = 0

    def status_at(self, now: float) -> str:
        """What somebody set. Otherwise it follows the clock, so nothing has to change the file while time passes."""
        if self.set_status:
            return self.set_status
        if now < self.starts_at or self.plan in ("CANC", "R/S"):
            return self.plan
        # A patient who does not come is never checked in.
        return self.outcome if now >= self.ends_at or self.outcome == "NOSHOW" else "CHKIN"


def find(connection: sqlite3.Connection, clinic: Clinic, query: VisitQuery, now: float) -> list[Visit]:
    """All visits that match, by time. `offset` and `limit` of the query are left to the caller."""
    plan_around_today(connection, clinic, now)
    values = {
        "clinic": clinic.id,
        "start": query.start.isoformat() if query.start else "",
        "end": query.end.isoformat() if query.end else "9999",
        "client_ref": query.client_ref,
        "patient_id": query.patient_id,
        "provider_id": query.provider_id,
        "mode": query.mode,
        "patient_mrn": query.patient_mrn,
        "patient_names": msgspec.json.encode(words(query.patient_name)).decode(),
        "patient_phone": digits(query.patient_phone),
    }
    return [_visit(row) for row in connection.execute(_VISITS + _FILTER, values)]


def find_one(connection: sqlite3.Connection, clinic: Clinic, visit_id: str, now: float) -> Visit | None:
    plan_around_today(connection, clinic, now)
    row = connection.execute(_VISITS + " AND a.id = :id", {"clinic": clinic.id, "id": visit_id}).fetchone()
    return _visit(row) if row else None


def overlapping(connection: sqlite3.Connection, clinic: Clinic, visit: Visit, now: float) -> list[Visit]:
    """Other visits that keep one of its providers busy at its time."""
    values = {
        "clinic": clinic.id,
        "id": visit.id,
        "starts_at": visit.starts_at,
        "ends_at": visit.ends_at,
        "provider": visit.details.provider_id,
        "second": visit.details.second_provider_id,
    }
    found = [_visit(row) for row in connection.execute(_VISITS + _OVERLAPPING, values)]
    return [other for other in found if other.status_at(now) not in OFF_THE_SCHEDULE]


def of_stage(connection: sqlite3.Connection, clinic: Clinic, stage: int, before: float) -> list[Visit]:
    """Visits whose paperwork has come that far, and which start before that time."""
    values = {"clinic": clinic.id, "stage": stage, "before": before}
    return [_visit(row) for row in connection.execute(_VISITS + _OF_STAGE, values)]


def set_stage(connection: sqlite3.Connection, visits: list[Visit], stage: int) -> None:
    connection.executemany("UPDATE appointment SET stage = ? WHERE id = ?", [(stage, visit.id) for visit in visits])


def save(connection: sqlite3.Connection, clinic: Clinic, visit: Visit) -> None:
    """Add or replace."""
    connection.execute(f"INSERT OR REPLACE {_INSERT}", _row(clinic, visit, visit.patient.id))


def written(connection: sqlite3.Connection) -> list[dict[str, str | int]]:
    """How many visits were made with each `client_ref`."""
    return [{"kind": "appointment", **dict(row)} for row in connection.execute(_WRITTEN)]


def delete_all(connection: sqlite3.Connection) -> None:
    for table in ("appointment", "planned"):
        connection.execute(f"DELETE FROM {table}")


def plan_around_today(connection: sqlite3.Connection, clinic: Clinic, now: float) -> None:
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
    rows = [row for day in days for row in _made_up_rows(clinic.id, day)]
    connection.executemany(f"INSERT OR IGNORE {_INSERT}", rows)
    schedule_slots.plan(connection, clinic, days)
    connection.executemany("INSERT INTO planned VALUES (?, ?)", [(clinic.id, day.isoformat()) for day in days])


@lru_cache(1024)
def _made_up_rows(clinic_id: str, day: date) -> tuple[tuple[str | float, ...], ...]:
    # The made-up list and not the table: a patient who is added later must not change who comes on which day.
    people = [patient for owner, patient in patients() if owner == clinic_id]
    rows = []
    for planned in visits_on(clinic_id, day):
        starts, patient = planned.starts.timestamp(), people[planned.patient_number % len(people)]
        ends, details = starts + planned.details.minutes * 60, planned.details
        visit = Visit(planned.id, starts, ends, planned.mode, planned.plan, planned.outcome, details, patient)
        rows.append(_row(CLINICS[clinic_id], visit, patient.id))
    return tuple(rows)


def _row(clinic: Clinic, visit: Visit, patient_id: str) -> tuple[str | float, ...]:
    return (
        visit.id,
        clinic.id,
        datetime.fromtimestamp(visit.starts_at, ZoneInfo(clinic.timezone)).date().isoformat(),
        visit.starts_at,
        visit.ends_at,
        patient_id,
        visit.mode,
        visit.plan,
        visit.outcome,
        msgspec.json.encode(visit.details).decode(),
        visit.details.provider_id,
        visit.details.second_provider_id,
        visit.set_status,
        visit.details.client_ref,
        visit.stage,
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
        row["set_status"],
        row["stage"],
    )
