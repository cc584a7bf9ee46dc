"""Notes: the clinical notes among a patient's DocumentReferences, with their text."""

from __future__ import annotations

import asyncio

from cobalt_link.connector import DocumentQuery, EhrBusy, NoRights, Note, NoteQuery, Stream
from cobalt_link.connectors.smart.attachments import as_text, content
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.reads.documents import is_note, patient_of, readable, records
from cobalt_link.connectors.smart.references import Reference, first, references
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.values import Resource, moment, text, words

# Each note's text is one more request, and some servers generate it anew for each.
MOST = 100
AT_ONCE = 4


async def of_patient(server: Server, query: NoteQuery) -> Stream[Note]:
    losses, slots = Losses(), asyncio.Semaphore(AT_ONCE)
    wanted = DocumentQuery(patient_ehr_id=query.patient_ehr_id, ehr_id=query.ehr_id)
    found = [each for each in await records(server, wanted, losses) if is_note(each) and text(each, "id")]
    found.sort(key=lambda each: text(each, "date") or "", reverse=True)
    if len(found) > MOST:
        losses.say(f"Only the last {MOST} notes were read. Read others by their ids.")

    async def one(record: Resource) -> Note | None:
        async with slots:
            return await _note(server, record, losses)

    for each in await asyncio.gather(*(one(record) for record in found[:MOST])):
        if each is not None:
            yield each
    losses.end()


async def _note(server: Server, record: Resource, losses: Losses) -> Note | None:
    said = await _text(server, record, losses)
    if said is None:
        return None
    patient, name = patient_of(server, record)
    author = next(iter(references(record, "author", server.base)), Reference())
    signer = first(record, "authenticator", server.base, "Practitioner", "PractitionerRole")
    signed, made = text(record, "docStatus") in ("final", "amended"), moment(record, "date", "context.period.start")
    visit = first(record, "context.related", server.base, "Appointment")
    return Note(
        ehr_id=text(record, "id") or "",
        text=said,
        kind="visit" if text(record, "context.encounter.reference") or visit.id else "patient",
        subject=text(record, "description") or words(record.get("type")),
        appointment_ehr_id=visit.id if visit.kind == "Appointment" else None,
        patient_ehr_id=patient,
        patient_name=name,
        author_ehr_id=author.id,
        author_name=author.display,
        signed=signed,
        signed_by=signer.display if signed else None,
        created_at=made,
        updated_at=moment(record, "meta.lastUpdated") or made,
    )


async def _text(server: Server, record: Resource, losses: Losses) -> str | None:
    attachment = readable(record)
    if attachment is None:
        return None
    try:
        found = await content(server, attachment)
    except EhrBusy:
        losses.lacks("DocumentReference", "no text any more today, because the EHR limits how often it is read")
        return None
    except (NoRights, FhirRefused):
        losses.lacks("DocumentReference", "a text that this user may not read")
        return None
    if found is None:
        losses.lacks("DocumentReference", "a text that is not on this server")
        return None
    data, _ = found
    return as_text(data, attachment.media_type)
