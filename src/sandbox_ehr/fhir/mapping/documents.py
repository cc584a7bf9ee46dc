"""Documents and notes as DocumentReference, and their content as Binary."""

import base64
import sqlite3
from collections.abc import Iterator
from typing import Any

from sandbox_ehr.clinic import documents
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.documents import DOCUMENT, FOLDERS
from sandbox_ehr.clinic.notes import NOTE, NOTE_TYPES, PATIENT_NOTE
from sandbox_ehr.clinic.records import Row
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.places import organization_id
from sandbox_ehr.fhir.mapping.rows import patient_of, person, practitioner, rows_of
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import LOINC, SYSTEM, client_identifier, concept, filled, meta, reference
from sandbox_ehr.refusals import RequestRefused

FOLDER = f"{SYSTEM}/folder"
CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
# LOINC codes of the folders, and of the types of notes.
FOLDER_TYPES = {
    "F1": ("11502-2", "Laboratory report"),
    "F2": ("18748-4", "Diagnostic imaging study"),
    "F3": ("57133-1", "Referral note"),
    "F4": ("34133-9", "Summary of episode note"),
    "F5": ("64290-0", "Health insurance card"),
    "F6": ("51851-4", "Administrative note"),
}
NOTE_LOINC = {
    "progress": ("11506-3", "Progress note"),
    "addendum": ("55107-7", "Addendum Document"),
    "procedure": ("28570-0", "Procedure note"),
    "telephone": ("34748-4", "Telephone encounter Note"),
}
PATIENT_NOTE_LOINC = ("34109-9", "Note")
FOLDER_NAMES = {folder.code: folder.description for folder in FOLDERS}
NOTE_NAMES = {kind.code: kind.description for kind in NOTE_TYPES}


def load_references(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for row in rows_of(connection, context, DOCUMENT, hint):
        yield _document(context, row)
    for row in rows_of(connection, context, NOTE, hint):
        yield _note(context, row, NOTE_LOINC[row["type"]], NOTE_NAMES[row["type"]])
    for row in rows_of(connection, context, PATIENT_NOTE, hint):
        yield _note(context, row, PATIENT_NOTE_LOINC, row["subject"])


def load_binaries(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    """Only by id: nobody wants all the files at once."""
    if not hint.only_id:
        return
    for row in (*rows_of(connection, context, NOTE, hint), *rows_of(connection, context, PATIENT_NOTE, hint)):
        yield _binary(row, note_type(row), row["text"].encode())
    try:
        row, content = documents.content(connection, context, hint.only_id)
    except RequestRefused:
        return
    yield _binary(row, row["media_type"], content)


def note_type(row: Row) -> str:
    """What a note was written as, by an app; otherwise plain text."""
    return "text/html" if row["text"].lstrip().startswith("<") else "text/plain"


def _document(context: ChartContext, row: Row) -> Resource:
    code, display = FOLDER_TYPES[row["folder_id"]]
    about = {"contentType": row["media_type"], "size": row["size"], "title": row["filename"]}
    kind = concept(LOINC, code, display)
    kind["coding"].append({"system": FOLDER, "code": row["folder_id"], "display": FOLDER_NAMES[row["folder_id"]]})
    status = "final" if row["reviewed"] else "preliminary"
    whole = _shared(context, row, kind, about) | {"docStatus": status, "description": row["notes"] or row["filename"]}
    return filled(whole)


def _note(context: ChartContext, row: Row, loinc: tuple[str, str], name: str) -> Resource:
    about = {"contentType": note_type(row), "size": len(row["text"].encode()), "title": name}
    status = "final" if row.get("signed", True) else "preliminary"
    whole = _shared(context, row, concept(LOINC, *loinc), about) | {"docStatus": status, "description": name}
    whole["author"] = [practitioner(context, row.get("provider_id", "")) or person(context, row["created_by"])]
    if row.get("signed_by"):
        whole["authenticator"] = person(context, row["signed_by"])
    return filled(whole)


def _shared(context: ChartContext, row: Row, kind: Resource, about: Resource) -> dict[str, Any]:
    attachment = about | {"url": f"Binary/{row['id']}", "creation": row["created_at"]}
    encounter = [reference("Encounter", row["visit_id"])] if row.get("visit_id") else []
    period = {"start": row["created_at"], "end": row["created_at"]}
    return {
        "resourceType": "DocumentReference",
        "id": row["id"],
        "meta": meta(row["updated_at"], "documentreference"),
        "identifier": client_identifier(row["client_ref"]),
        "status": "current",
        "type": kind,
        "category": [concept(CATEGORY, "clinical-note", "Clinical Note")],
        "subject": patient_of(row),
        "date": row["created_at"],
        "author": [person(context, row["created_by"])],
        "custodian": reference("Organization", organization_id(context), context.clinic.name),
        "content": [{"attachment": attachment}],
        "context": filled({"encounter": encounter, "period": period}),
    }


def _binary(row: Row, media_type: str, content: bytes) -> Resource:
    return {
        "resourceType": "Binary",
        "id": row["id"],
        "meta": meta(row["updated_at"]),
        "contentType": media_type,
        "securityContext": {"reference": f"Patient/{row['patient_id']}"},
        "data": base64.b64encode(content).decode(),
    }
