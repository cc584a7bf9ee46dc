"""Patients in the file, and how to find them. Owns the table patient."""

import sqlite3
from datetime import date
from typing import Annotated

import msgspec

from sandbox_ehr.clinic.made_up_patients import Patient, patients
from sandbox_ehr.clinic.search_text import Phone, digits, fold

# instr() and not LIKE, because a name may contain % or _. An empty text is part of every text.
_FILTER = """
    clinic = :clinic
    AND (:id = '' OR id = :id)
    AND (:mrn = '' OR mrn = :mrn)
    AND (:dob = '' OR dob = :dob)
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


class PatientQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `GET /api/patients`. Names match in part, a phone by part of its digits, the rest exactly."""

    id: str = ""
    mrn: str = ""
    first_name: str = ""
    last_name: str = ""
    dob: date | None = None
    phone: Phone = ""
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


def seed(connection: sqlite3.Connection) -> None:
    """Add every made-up patient that is missing."""
    connection.executemany(
        "INSERT OR IGNORE INTO patient VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(clinic, patient) for clinic, patient in patients()],
    )


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


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM patient")


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
    )


def _whole_names(patient: Patient) -> str:
    first, last = patient.first_name, patient.last_name
    given = f"{first} {patient.middle_name}".strip()
    return "\n".join(map(fold, (f"{first} {last}", f"{given} {last}", f"{last}, {given}")))
