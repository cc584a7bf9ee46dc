"""Files notes and documents: text about a visit is a note, text about a patient a patient note, the rest a document."""

import base64
import binascii
import sqlite3

from msgspec import UNSET

from sandbox_ehr.clinic import documents, notes, records
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.documents import DOCUMENT, DocumentChange, File, NewDocument
from sandbox_ehr.clinic.notes import NOTE, NewNote, NewPatientNote, NoteChange
from sandbox_ehr.clinic.records import Row
from sandbox_ehr.fhir.mapping.documents import FOLDER_NAMES, FOLDER_TYPES, NOTE_LOINC
from sandbox_ehr.fhir.outcome import FhirRefused, Resource
from sandbox_ehr.fhir.writes.given import built, client_ref, code_in, first, pointed_to, require, text_of
from sandbox_ehr.refusals import RequestRefused

USUAL_FOLDER = "F6"
TYPES = {code: name for name, (code, _) in NOTE_LOINC.items()}
FOLDERS = {code: folder for folder, (code, _) in FOLDER_TYPES.items()} | {folder: folder for folder in FOLDER_NAMES}


def create(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> str:
    patient = require(next(iter(pointed_to(resource, "subject", "Patient")), ""), "subject")
    media_type, content = _content(resource)
    visit = next(iter(pointed_to(resource, "context.encounter", "Encounter")), "")
    title = first(resource, "description", "content.attachment.title") or text_of(resource.get("type")) or "Note"
    if not media_type.startswith("text/") and media_type != "application/xhtml+xml":
        folder = FOLDERS.get(code_in(resource.get("type"), FOLDERS), USUAL_FOLDER)
        reviewed = first(resource, "docStatus") == "final"
        about = {"patient_id": patient, "folder_id": folder, "visit_id": visit, "reviewed": reviewed}
        body = built(NewDocument, **about, notes=first(resource, "description"), client_ref=client_ref(resource))
        name = first(resource, "content.attachment.title") or "document"
        return documents.create(connection, context, body, File(name, media_type, content))["id"]
    text, ref = content.decode("utf-8", "replace"), client_ref(resource)
    if visit:
        kind = TYPES.get(code_in(resource.get("type"), TYPES), "progress")
        signed = first(resource, "docStatus") == "final"
        note = built(NewNote, visit_id=visit, type=kind, text=text, sign=signed, client_ref=ref)
        return notes.create(connection, context, note)["id"]
    place = context.clinic.locations[0].id
    about = {"patient_id": patient, "location_id": place, "subject": str(title)[:200]}
    return notes.create_about_patient(connection, context, built(NewPatientNote, **about, text=text, client_ref=ref))[
        "id"
    ]


def update(connection: sqlite3.Connection, context: ChartContext, row_id: str, resource: Resource) -> None:
    is_final = first(resource, "docStatus") == "final"
    if _is(connection, context, row_id):
        folder = FOLDERS.get(code_in(resource.get("type"), FOLDERS), UNSET)
        change = built(DocumentChange, folder_id=folder, reviewed=is_final, notes=first(resource, "description"))
        documents.change(connection, context, row_id, change)
        return
    note: Row = records.one(connection, context, NOTE, row_id)
    if first(resource, "content.attachment.data"):
        text = _content(resource)[1].decode("utf-8", "replace")
        if text != note["text"]:
            notes.change(connection, context, row_id, built(NoteChange, text=text))
    if is_final and not note["signed"]:
        notes.sign(connection, context, row_id, None)


def _is(connection: sqlite3.Connection, context: ChartContext, row_id: str) -> bool:
    try:
        records.one(connection, context, DOCUMENT, row_id)
    except RequestRefused:
        return False
    return True


def _content(resource: Resource) -> tuple[str, bytes]:
    media_type = first(resource, "content.attachment.contentType")
    try:
        content = base64.b64decode(first(resource, "content.attachment.data"), validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise FhirRefused(422, "invalid", "content.attachment.data is not base64.") from None
    require(content.decode("latin-1"), "content.attachment.data")
    return str(require(media_type, "content.attachment.contentType")).partition(";")[0], content
