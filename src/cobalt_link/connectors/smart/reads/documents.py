"""Documents: the DocumentReferences of a patient that are no note to be read as text, and their files."""

from __future__ import annotations

from cobalt_link.connector import Document, DocumentFile, DocumentQuery, Stream
from cobalt_link.connectors.smart.attachments import READABLE, Attachment, attachments, content, filename
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.references import first
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.values import Resource, codes, day, every, moment, text, words

MOST = 1000
NOTE = "clinical-note"  # US Core's category
GONE = ("entered-in-error", "superseded")


async def of_patient(server: Server, query: DocumentQuery) -> Stream[Document]:
    losses = Losses()
    for each in losses.each(await records(server, query, losses), lambda record: _document(server, record, losses)):
        yield each
    losses.end()


async def file(server: Server, ehr_id: str) -> DocumentFile | None:
    record = await server.read("DocumentReference", ehr_id)
    for each in attachments(record) if record else ():
        if found := await content(server, each):
            data, media_type = found
            name = filename(each, text(record, "description"), ehr_id)
            return DocumentFile(content=data, filename=name, content_type=media_type)
    return None


async def records(server: Server, query: DocumentQuery, losses: Losses) -> list[Resource]:
    """The DocumentReferences of one patient, or one by its id."""
    if query.ehr_id:
        one = await server.read("DocumentReference", query.ehr_id)
        return [one] if one else []
    patient = query.patient_ehr_id or server.session.patient or ""
    page = await server.all(
        "DocumentReference", {server.takes("DocumentReference", "patient") or "subject": patient}, most=MOST
    )
    losses.say(*page.losses)
    return [each for each in page.matches if text(each, "status") not in GONE]


def is_note(record: Resource) -> bool:
    """Whether a document is a note that has a text to read. One in another form is a document."""
    categories = {code for each in every(record, "category") for _, code in codes(each)}
    return NOTE in categories and readable(record) is not None


def readable(record: Resource) -> Attachment | None:
    found = {each.media_type: each for each in reversed(attachments(record))}
    return next((found[each] for each in READABLE if each in found), None)


def patient_of(server: Server, record: Resource) -> tuple[str | None, str | None]:
    """The patient's id and name."""
    who = first(record, "subject", server.base, "Patient")
    return who.id, who.display


def _document(server: Server, record: Resource, losses: Losses) -> Document | None:
    if is_note(record):
        return None
    files, ehr_id = attachments(record), text(record, "id") or ""
    if not files:
        losses.lacks("DocumentReference", "no file")
    one = files[0] if files else Attachment(media_type="application/octet-stream")
    patient, name = patient_of(server, record)
    category = next(iter(every(record, "category")), None)
    return Document(
        ehr_id=ehr_id,
        filename=filename(one, text(record, "description") or words(record.get("type")), ehr_id),
        folder_name=words(category) or words(record.get("type")),
        content_type=one.media_type if files else None,
        size=one.size,
        patient_ehr_id=patient,
        patient_name=name,
        is_reviewed={"final": True, "amended": True, "preliminary": False}.get(text(record, "docStatus") or ""),
        notes=text(record, "description"),
        filed_on=day(record, "date") or day(record, "context.period.start"),
        created_at=moment(record, "date", "content.attachment.creation"),
        updated_at=moment(record, "meta.lastUpdated"),
    )
