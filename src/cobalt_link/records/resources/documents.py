"""Documents: the bytes of one (contract §4.11), and what is known about them, which the contract does not give."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta
from starlette.responses import Response

from cobalt_link.accounts.account import Account
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Document, DocumentFile, ReadsDocumentFiles
from cobalt_link.net.http import TooMuch
from cobalt_link.records.asked import (
    EhrId,
    FirstDay,
    HundredMost,
    LastDay,
    PatientId,
    PatientMrn,
    Text,
    UpdatedSince,
)
from cobalt_link.records.engine import Ids, RecordsEngine, Source, our_id
from cobalt_link.records.files import DocumentTooLarge
from cobalt_link.records.ids import EHR_ID
from cobalt_link.records.lists import endpoints
from cobalt_link.records.pending import Pending
from cobalt_link.records.resource import LIVE, OneRecord, Resource, ResourceRoute, shown_as
from cobalt_link.web.paging import Page, Pagination
from cobalt_link.web.problems import Problem

FILES: Source[DocumentFile | None] = Source("document_files", lambda found: ())
MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,80}")


class DocumentNotFound(Problem):
    """Document not found"""

    code = "document_not_found"
    status = 404


class DocumentPending(Problem):
    """The document is not in the EHR yet. Wait for the job of its upload."""

    code = "document_pending"
    status = 409


class DocumentsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional, unless the EHR lists documents of one patient only. The days are those of filing."""

    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    folder_name: Annotated[Text, Meta(description="One of GET /v1/document-folders, in any case.")] = None
    ehr_id: EhrId = None
    start_date: FirstDay = None
    end_date: LastDay = None
    updated_since: UpdatedSince = None
    page: Page = 1
    page_size: HundredMost = 100


class DocumentView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a document. Its bytes are at `GET /v1/documents/{document_id}`. `size` in bytes."""

    id: str
    ehr_id: str
    filename: str
    folder_name: str | None
    content_type: str | None
    size: int | None
    patient_id: str | None
    patient_ehr_id: str | None
    patient_mrn: str | None
    patient_name: str | None
    emr_assigned_to_id: str | None
    is_reviewed: bool | None
    is_high_priority: bool | None
    notes: str | None
    filed_on: date | None
    created_at: datetime | None
    updated_at: datetime | None


def view(each: Document, ids: Ids) -> DocumentView:
    our_patient = our_id(ids, "patient", each.patient_ehr_id)
    return shown_as(DocumentView, each, id=ids["document", each.ehr_id], patient_id=our_patient)


async def download(engine: RecordsEngine, account: Account, asked: None, document_id: str) -> Response:
    """The bytes as the EHR has them, for every account of the org at that EHR. Raises DocumentNotFound,
    DocumentPending, and DocumentTooLarge."""
    ehr_id = await engine.resolve(account, "document", document_id)
    engine.declared(account, "document_files")
    if ehr_id == document_id and (pending := await engine.pending(account, ["document"], document_id)):
        if pending.status == "pending":
            raise DocumentPending(f"The document is not in the EHR yet. Wait for its job {pending.job_id}.")
        raise DocumentNotFound
    if not EHR_ID.fullmatch(ehr_id):
        raise DocumentNotFound

    async def step(connector: ReadsDocumentFiles, chart: Chart) -> DocumentFile | None:
        try:
            return await connector.document_files(chart, ehr_id)
        except TooMuch:
            raise DocumentTooLarge from None

    found, _ = await engine.read(account, FILES, step)
    if found is None:
        raise DocumentNotFound
    return Response(found.content, headers=headers(found))


def headers(found: DocumentFile) -> dict[str, str]:
    """A media type that is none, or that a browser would run on our address, becomes plain bytes."""
    kind = found.content_type.partition(";")[0].strip().lower()
    runs = kind in ("text/html", "image/svg+xml", "text/javascript") or kind.endswith(("xml", "javascript"))
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", found.filename)[:200] or "document"
    # RFC 6266 §4.3: a name in plain letters, and the real one for all who read RFC 8187.
    return {
        "Content-Type": kind if MEDIA_TYPE.fullmatch(kind) and not runs else "application/octet-stream",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }


def pending(each: Pending) -> dict[str, Any]:
    content = str(each.fields.get("content") or "")
    return {
        "content_type": each.fields.get("media_type"),
        "size": len(content) * 3 // 4 - content[-2:].count("="),  # it is in Base64
    }


RESOURCE: Resource[Document] = Resource(
    capability="documents",
    kind="document",
    path="/v1/documents",
    summary="List documents, one page at a time.",
    key="documents",
    shown=DocumentView,
    view=view,
    asked=DocumentsAsked,
    pages=Pagination,
    one=OneRecord(
        path="/v1/documents/{document_id}/metadata", key="document", missing=DocumentNotFound, pending=pending
    ),
)
ENDPOINTS = (
    *endpoints(RESOURCE),
    ResourceRoute(
        name="download_document",
        path="/v1/documents/{document_id}",
        run=download,
        answer=Response,
        media="application/octet-stream",
        errors=(*LIVE, DocumentNotFound, DocumentPending, DocumentTooLarge),
        summary="Download one document: the bytes, with the type and name that the EHR gives it.",
    ),
)
