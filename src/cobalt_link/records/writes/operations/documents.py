"""Writes of documents (contract §4.11)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from starlette.datastructures import UploadFile

from cobalt_link.connector.writes import Ai
from cobalt_link.kit.text import trimmed
from cobalt_link.records.files import DocumentTooLarge, need_size
from cobalt_link.records.writes.operation import Done, Fields, Operation
from cobalt_link.records.writes.shapes import ForPatientAsked, Text, need_patient
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.problems import InvalidRequest


class NewDocumentAsked(ForPatientAsked, frozen=True, kw_only=True):
    """A multipart body with a file of at most 25 MiB. `filename` and `media_type` replace what the file itself says."""

    folder_name: Annotated[str, Cleaned(trimmed), Meta(description="A folder of GET /v1/document-folders.")]
    document: Annotated[UploadFile, Meta(description="The file.")]
    filename: Annotated[Text, Meta(description="With its extension, such as referral.pdf.")] = None
    media_type: Annotated[
        str | None, Cleaned(trimmed), Alias("content_type"), Meta(description="application/pdf, …")
    ] = None
    emr_assigned_to_id: Annotated[Text, Meta(description="Who is to look at it, an id of GET /v1/ehr-users.")] = None
    is_reviewed: Annotated[bool | None, Meta(description="Somebody has looked at it.")] = None
    notes: Annotated[Text, Meta(description="A remark.")] = None
    is_high_priority: Annotated[bool | None, Meta(description="It is urgent.")] = None
    ai: Annotated[Ai | None, Meta(description="Which model wrote it, and who answers for it.")] = None


def _new(asked: NewDocumentAsked) -> Fields:
    need_patient(asked)
    filename = asked.filename or asked.document.filename
    if not filename:
        raise InvalidRequest("Send the document with a filename, such as referral.pdf.")
    asked.document.file.seek(0)
    content = asked.document.file.read()
    if not content:
        raise InvalidRequest("The document is empty. Send the content of the file.")
    need_size(content)
    media_type = asked.media_type or asked.document.content_type or "application/octet-stream"
    return {"content": content, "filename": filename, "media_type": media_type}


def _data(done: Done) -> Fields:
    return {
        "patient_mrn": done.write.patient_mrn,
        "folder_name": done.write.folder_name,
        "ehr_document_id": done.held.ehr_id,
    }


OPERATIONS = (
    Operation(
        name="documents.create",
        path="/v1/documents",
        asked=NewDocumentAsked,
        record="document_id",
        kind="document",
        message="Document uploaded successfully. It will be processed soon.",
        summary="Upload a document to a patient's chart.",
        done="document.uploaded",
        failed="document.upload_failed",
        names={"emr_assigned_to_id": "assigned_to_ehr_id"},
        advice=frozenset({"ai"}),
        echo=("folder_name",),
        shape=_new,
        errors=(DocumentTooLarge,),
        data=_data,
        max_body=28 * 2**20,
    ),
)
