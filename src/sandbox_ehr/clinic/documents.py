"""Documents of patients, and their bytes. Owns the table document_file.

A made-up document has no bytes in the file: its PDF is written when somebody reads it, the same every time.
"""

import hashlib
import sqlite3
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, records, visits
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.practice import Code
from sandbox_ehr.clinic.records import Kind, Line, ListQuery, NewRow, Row
from sandbox_ehr.clinic.tiny_pdf import tiny_pdf
from sandbox_ehr.refusals import RequestRefused

DOCUMENT = Kind("document", "documents", "D", parent="visit_id", day="filed_on")
FOLDERS = (
    Code("F1", "Lab results"),
    Code("F2", "Imaging"),
    Code("F3", "Referrals"),
    Code("F4", "Visit summaries"),
    Code("F5", "Insurance cards"),
    Code("F6", "Correspondence"),
)
Priority = Literal["normal", "high"]
Remark = Annotated[str, msgspec.Meta(max_length=2000)]


class NewDocument(NewRow, frozen=True, kw_only=True):
    """The fields of `POST /api/documents`, beside the file. `folder_id` is one of the folders."""

    patient_id: str
    folder_id: str
    visit_id: str = ""
    assigned_to: str = ""
    reviewed: bool = False
    notes: Remark = ""
    priority: Priority = "normal"
    drafted_by: Line = ""


class DocumentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `PATCH /api/documents/{id}`. What is left out stays."""

    folder_id: str | UnsetType = UNSET
    assigned_to: str | UnsetType = UNSET
    reviewed: bool | UnsetType = UNSET
    notes: Remark | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET


class DocumentQuery(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""
    visit_id: str = ""
    folder_id: str = ""
    assigned_to: str = ""
    reviewed: bool | None = None


class File(msgspec.Struct, frozen=True):
    name: str
    media_type: str
    content: bytes


def create(connection: sqlite3.Connection, context: ChartContext, body: NewDocument, file: File) -> Row:
    """Raises RequestRefused for an unknown reference or an empty file."""
    patients.require(connection, context.clinic.id, body.patient_id)
    visit = visits.find_one(connection, context.clinic, body.visit_id, context.now) if body.visit_id else None
    if body.visit_id and (visit is None or visit.patient.id != body.patient_id):
        raise RequestRefused(refusals.unknown_reference("visit_id"))
    _check(context, body.folder_id, body.assigned_to)
    if not file.content:
        raise RequestRefused(refusals.invalid_value("file", "The file is empty."))
    digest = hashlib.sha256(file.content).hexdigest()
    about = {"filename": file.name, "media_type": file.media_type, "size": len(file.content), "sha256": digest}
    doc = msgspec.to_builtins(body) | about | {"filed_on": context.today.isoformat()}
    row = records.add(connection, context, DOCUMENT, doc)
    connection.execute("INSERT INTO document_file VALUES (?, ?)", (row["id"], file.content))
    return row


def change(connection: sqlite3.Connection, context: ChartContext, row_id: str, body: DocumentChange) -> Row:
    changes: Row = msgspec.to_builtins(body)
    before = records.one(connection, context, DOCUMENT, row_id) | changes
    _check(context, before["folder_id"], before["assigned_to"])
    return records.change(connection, context, DOCUMENT, row_id, changes)


def content(connection: sqlite3.Connection, context: ChartContext, row_id: str) -> tuple[Row, bytes]:
    """The row and the bytes. Raises RequestRefused if there is no such document."""
    row = records.one(connection, context, DOCUMENT, row_id)
    stored = connection.execute("SELECT content FROM document_file WHERE id = ?", (row_id,)).fetchone()
    lines = records.members(connection, context, DOCUMENT, row_id).get("pdf_lines", [])
    return row, stored["content"] if stored else tiny_pdf(lines)


def made_up_file(filename: str, lines: list[str]) -> Row:
    """The members of a document whose PDF has these lines."""
    pdf = tiny_pdf(lines)
    about = {"filename": filename, "media_type": "application/pdf", "size": len(pdf), "pdf_lines": lines}
    return about | {"sha256": hashlib.sha256(pdf).hexdigest()}


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM document_file")


def _check(context: ChartContext, folder_id: str, assigned_to: str) -> None:
    if folder_id not in {folder.code for folder in FOLDERS}:
        raise RequestRefused(refusals.unknown_reference("folder_id"))
    if assigned_to and assigned_to not in {user.id for user in context.users}:
        raise RequestRefused(refusals.unknown_reference("assigned_to"))
