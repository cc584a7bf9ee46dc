"""New notes and documents, as DocumentReferences with the file inside."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from cobalt_link.connector import (
    Held,
    MayBeHeld,
    NewDocument,
    NewNote,
    NewPatientNote,
    NotWritten,
    Reason,
    Soap,
    Written,
)
from cobalt_link.connectors.smart.attachments import as_text, attachments, content
from cobalt_link.connectors.smart.references import first, references
from cobalt_link.connectors.smart.server import Params, Server
from cobalt_link.connectors.smart.values import Resource, aware, moment, text
from cobalt_link.connectors.smart.writes.sending import create, held, identifier, now, signed_in, to

KIND = "DocumentReference"
LOINC = "http://loinc.org"
PROGRESS_NOTE, NOTE = ("11506-3", "Progress note"), ("34109-9", "Note")
CATEGORY = {"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"}
SIGNED = ("final", "amended")
XHTML = "application/xhtml+xml"


async def create_note(server: Server, write: NewNote) -> Written:
    visit = await _visit(server, write.appointment_ehr_id)
    said = note_text(write.text, write.parts)
    resource = _document(server, write.ref, visit["patient"], _attachment(server, said, "Progress note"))
    resource |= {
        "docStatus": "final" if write.sign else "preliminary",
        "type": _type(*PROGRESS_NOTE),
        "category": [{"coding": [{**CATEGORY, "code": "clinical-note"}]}],
        "context": visit["context"],
    }
    return await create(server, resource)


async def check_note(server: Server, write: NewNote) -> None:
    await _visit(server, write.appointment_ehr_id)


async def held_note(server: Server, write: NewNote, ehr_id: str | None) -> Held | None:
    appointment = await server.read("Appointment", write.appointment_ehr_id) if ehr_id is None else None
    patient = first(appointment, "participant.actor", server.base, "Patient").id if appointment else None
    found = await _held(server, write.ref, ehr_id, patient)
    if found is None:
        return None
    said = await _said(server, found)
    signed = text(found, "docStatus") in SIGNED
    fields: dict[str, Any] = {"sign": signed}
    if said is not None and write.text is not None:
        fields["text"] = said
    return Held(ehr_id=text(found, "id") or "", fields=fields, pending_signature=write.sign and not signed)


async def create_patient_note(server: Server, write: NewPatientNote) -> Written:
    resource = _document(server, write.ref, write.patient_ehr_id, _attachment(server, write.note, write.subject))
    resource |= {
        "docStatus": "preliminary",
        "description": write.subject,
        "type": _type(*NOTE),
        "category": [{"coding": [{**CATEGORY, "code": "clinical-note"}]}],
    }
    return await create(server, resource)


async def held_patient_note(server: Server, write: NewPatientNote, ehr_id: str | None) -> Held | None:
    found = await _held(server, write.ref, ehr_id, write.patient_ehr_id)
    if found is None:
        return None
    fields: dict[str, Any] = {"subject": text(found, "description") or write.subject}
    if (said := await _said(server, found)) is not None:
        fields["note"] = said
    return Held(ehr_id=text(found, "id") or "", fields=fields)


async def create_document(server: Server, write: NewDocument) -> Written:
    attachment = {
        "contentType": write.media_type,
        "data": b64encode(write.content).decode(),
        "title": write.filename,
        "creation": now(),
    }
    resource = _document(server, write.ref, write.patient_ehr_id, attachment)
    resource |= {"docStatus": "final", "description": write.notes, "type": {"text": write.folder_name}}
    return await create(server, resource)


async def held_document(server: Server, write: NewDocument, ehr_id: str | None) -> Held | None:
    found = await _held(server, write.ref, ehr_id, write.patient_ehr_id)
    if found is None:
        return None
    files = attachments(found)
    fields: dict[str, Any] = {"filename": files[0].title if files and files[0].title else write.filename}
    if folder := text(found, "type.text"):
        fields["folder_name"] = folder
    if notes := text(found, "description"):
        fields["notes"] = notes
    return Held(ehr_id=text(found, "id") or "", fields=fields)


def note_text(said: str | None, parts: Soap | None) -> str:
    """One text of a note: of its parts, each below its name, if it has no text of its own."""
    if said is not None:
        return said
    named = {"Subjective": parts.subjective, "Objective": parts.objective, "Assessment": parts.assessment,
             "Plan": parts.plan} if parts else {}  # fmt: skip
    return "\n\n".join(f"{name}:\n{part}" for name, part in named.items() if part)


def _document(server: Server, ref: str, patient: str | None, attachment: dict[str, Any]) -> dict[str, Any]:
    author = signed_in(server)
    return {
        "resourceType": KIND,
        "identifier": [identifier(ref)],
        "status": "current",
        "subject": to("Patient", patient),
        "date": now(),
        "author": [author] if author else [],
        "content": [{"attachment": attachment}],
    }


def _attachment(server: Server, said: str, title: str) -> dict[str, Any]:
    """In the media type that the vendor takes. XHTML here is plain enough to survive a change to RTF."""
    media = server.vendor.note
    if media == XHTML:
        lines = "<br />".join(escape(line) for line in said.split("\n"))
        said = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{escape(title)}</title></head>' \
               f"<body><p>{lines}</p></body></html>"  # fmt: skip
    return {"contentType": media, "data": b64encode(said.encode()).decode(), "title": title, "creation": now()}


def _type(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code, "display": display}], "text": display}


async def _visit(server: Server, appointment: str) -> dict[str, Any]:
    """The patient of an appointment, and the context of a note on it. Raises NotWritten."""
    record = await server.read("Appointment", appointment)
    if record is None:
        raise NotWritten(Reason("APPOINTMENT_NOT_FOUND", "The EHR has no such appointment.", "appointment_ehr_id"))
    patient = first(record, "participant.actor", server.base, "Patient").id
    encounter = await _encounter(server, record, patient)
    if encounter is None and server.vendor.note_needs_visit:
        raise NotWritten(
            Reason("NO_ENCOUNTER", "The EHR keeps notes at a visit that has begun. Check the patient in first.",
                   "appointment_ehr_id")
        )  # fmt: skip
    start = text(encounter, "period.start") or text(record, "start")
    end = text(encounter, "period.end") or text(record, "end") or start
    related = [to("Appointment", appointment)] if encounter is None else []
    reference = [to("Encounter", text(encounter, "id"))] if encounter else []
    return {
        "patient": patient,
        "context": {"encounter": reference, "period": {"start": start, "end": end}, "related": related},
    }


async def _encounter(server: Server, appointment: Resource, patient: str | None) -> Resource | None:
    """The encounter of an appointment: by the appointment itself, else the patient's of that day that refers to it, or
    the only one."""
    offered, ehr_id = server.offered("Encounter"), text(appointment, "id") or ""
    if not offered.can("search-type") or not server.session.granted.allows("Encounter", "s"):
        return None
    if offered.takes("appointment"):
        # Epic finds no encounters without a patient named.
        where: Params = {"appointment": ehr_id, "patient": patient}
        return next(iter((await server.all("Encounter", where, most=5)).matches), None)
    start = moment(appointment, "start")
    if start is None or patient is None:
        return None
    day, after = aware(start).date(), aware(start).date() + timedelta(days=1)
    params: Params = {"patient": patient, "date": [f"ge{day}", f"lt{after}"]}
    found = (await server.all("Encounter", params, most=20)).matches
    named = [each for each in found if any(ref.id == ehr_id for ref in references(each, "appointment", server.base))]
    return next(iter(named or (found if len(found) == 1 else [])), None)


async def _held(server: Server, ref: str, ehr_id: str | None, patient: str | None) -> Resource | None:
    if ehr_id is None and patient is None:
        raise MayBeHeld
    day = (datetime.now(UTC) - timedelta(days=1)).date()
    where: dict[str, Any] = {server.takes(KIND, "patient", "subject") or "patient": patient}
    if name := server.offered(KIND).takes("date", "_lastUpdated"):
        where[name] = f"ge{day}"
    return await held(server, KIND, ref, ehr_id, where)


async def _said(server: Server, record: Resource) -> str | None:
    for each in attachments(record):
        if found := await content(server, each):
            return as_text(found[0], each.media_type)
    return None
