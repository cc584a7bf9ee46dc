"""Patients in the file, and how to find them. Owns the table patient."""

import sqlite3
from datetime import date
from functools import cache
from typing import Annotated

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic.made_up_patients import Patient, patients
from sandbox_ehr.clinic.page_query import Offset
from sandbox_ehr.clinic.search_text import Phone, digits, fold
from sandbox_ehr.refusals import RequestRefused

# instr() and not LIKE, because a name may contain % or _. An empty text is part of every text.
_FILTER = """
    clinic = :clinic
    AND (:id = '' OR id = :id)
    AND (:mrn = '' OR mrn = :mrn)
    AND (:dob = '' OR dob = :dob)
    AND (:client_ref = '' OR client_ref = :client_ref)
    AND instr(first, :first_name) > 0
    AND instr(last, :last_name) > 0
    AND instr(phones, :phone) > 0
"""
# A phone counts from four digits on. Fewer would find most patients by chance.
_SEARCH = """
    SELECT doc, count(*) OVER () AS total
    FROM patient
    WHERE clinic = :clinic AND (
        instr(names, :text) > 0
        OR instr(lower(mrn), :text) > 0
        OR (length(:digits) >= 4 AND instr(phones, :digits) > 0)
    )
    ORDER BY last, first, id LIMIT :limit OFFSET :offset
"""


_INSERT = "INTO patient VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SAME_PERSON = "SELECT doc FROM patient WHERE clinic = ? AND dob = ? AND first = ? AND last = ?"
_WRITTEN = "SELECT client_ref, count(*) AS rows FROM patient WHERE client_ref <> '' GROUP BY client_ref"


class PatientQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /api/patients`. Names match in part, a phone by part of its digits, the rest exactly."""

    id: str = ""
    mrn: str = ""
    first_name: str = ""
    last_name: str = ""
    dob: date | None = None
    phone: Phone = ""
    client_ref: str = ""
    offset: Offset = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


def seed(connection: sqlite3.Connection) -> None:
    """Add every made-up patient that is missing."""
    connection.executemany(f"INSERT OR IGNORE {_INSERT}", _made_up_rows())


def find(connection: sqlite3.Connection, clinic: str, query: PatientQuery) -> tuple[int, list[Patient]]:
    """How many patients match, and the requested page of them, by last name and first name."""
    values = {
        "clinic": clinic,
        "id": query.id,
        "mrn": query.mrn,
        "dob": query.dob.isoformat() if query.dob else "",
        "first_name": fold(query.first_name),
        "last_name": fold(query.last_name),
        "phone": digits(query.phone),
        "client_ref": query.client_ref,
        "limit": query.limit,
        "offset": query.offset,
    }
    # Counted apart: a page past the end has no row that could carry the total, which the API must still report.
    total = connection.execute(f"SELECT count(*) FROM patient WHERE {_FILTER}", values).fetchone()[0]
    rows = connection.execute(
        f"SELECT doc FROM patient WHERE {_FILTER} ORDER BY last, first, id LIMIT :limit OFFSET :offset",
        values,
    )
    return total, [msgspec.json.decode(row["doc"], type=Patient) for row in rows]


def search(
    connection: sqlite3.Connection, clinic: str, text: str, offset: int, limit: int
) -> tuple[int, list[Patient]]:
    """Patients whose name, MRN or phone contains the text: how many there are, and one page of them."""
    values = {"clinic": clinic, "text": fold(text), "digits": digits(text), "offset": offset, "limit": limit}
    rows = connection.execute(_SEARCH, values).fetchall()
    total = rows[0]["total"] if rows else 0
    return total, [msgspec.json.decode(row["doc"], type=Patient) for row in rows]


def one(connection: sqlite3.Connection, clinic: str, patient_id: str) -> Patient | None:
    row = connection.execute("SELECT doc FROM patient WHERE clinic = ? AND id = ?", (clinic, patient_id)).fetchone()
    return msgspec.json.decode(row["doc"], type=Patient) if row else None


def require(connection: sqlite3.Connection, clinic: str, patient_id: str, member: str = "patient_id") -> Patient:
    """The patient that a member of a body names. Raises RequestRefused if the clinic has no such patient."""
    patient = one(connection, clinic, patient_id)
    if patient is None:
        raise RequestRefused(refusals.unknown_reference(member))
    return patient


def same_person(connection: sqlite3.Connection, clinic: str, patient: Patient) -> Patient | None:
    """A patient with the same name, without regard to case and accents, and the same birth date."""
    key = (clinic, patient.dob, fold(patient.first_name), fold(patient.last_name))
    row = connection.execute(_SAME_PERSON, key).fetchone()
    return msgspec.json.decode(row["doc"], type=Patient) if row else None


def save(connection: sqlite3.Connection, clinic: str, patient: Patient) -> None:
    """Add or replace."""
    connection.execute(f"INSERT OR REPLACE {_INSERT}", _row(clinic, patient))


def written(connection: sqlite3.Connection) -> list[dict[str, str | int]]:
    """How many patients were made with each `client_ref`."""
    return [{"kind": "patient", **dict(row)} for row in connection.execute(_WRITTEN)]


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM patient")


@cache
def _made_up_rows() -> list[tuple[str, ...]]:
    return [_row(clinic, patient) for clinic, patient in patients()]


def _row(clinic: str, patient: Patient) -> tuple[str, ...]:
    return (
        patient.id,
        clinic,
        patient.mrn,
        patient.dob,
        fold(patient.first_name),
        fold(patient.last_name),
        _whole_names(patient),
        # The bar keeps a search from matching the end of one number and the start of the other.
        f"{digits(patient.phones.home)}|{digits(patient.phones.mobile)}",
        msgspec.json.encode(patient).decode(),
        patient.client_ref,
    )


def _whole_names(patient: Patient) -> str:
    first, last = patient.first_name, patient.last_name
    given = f"{first} {patient.middle_name}".strip()
    return "\n".join(map(fold, (f"{first} {last}", f"{given} {last}", f"{last}, {given}")))
