"""Documents in the chart: what is known about them, and the files themselves."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, first_day, in_any_case, last_day
from cobalt_link.connector.models.reading import Read, Records

MOST_FILE = 25 * 2**20  # bytes of a document, in both directions


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`filename` with its extension. `content_type` is a media type, `size` in bytes. `filed_on` is a day there."""

    ehr_id: str
    filename: str
    folder_name: str | None = None
    content_type: str | None = None
    size: int | None = None
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_name: str | None = None
    emr_assigned_to_id: str | None = None
    is_reviewed: bool | None = None
    is_high_priority: bool | None = None
    notes: str | None = None
    filed_on: date | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class DocumentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start_date` and `end_date` are the days on which documents were filed, both included."""

    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    ehr_id: str | None = None
    folder_name: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    updated_since: datetime | None = None


class DocumentFile(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of a document."""

    content: bytes
    filename: str
    content_type: str = "application/octet-stream"


class ReadsDocuments(Protocol):
    """`[reads] documents`."""

    def documents(self, chart: Chart, query: DocumentQuery) -> Records[Document]:
        """The documents that match, in a stable order."""
        ...


class ReadsDocumentFiles(Protocol):
    """`[reads] document_files`."""

    async def document_files(self, chart: Chart, ehr_id: str) -> DocumentFile | None:
        """The file of one document by the EHR's id. None if the EHR does not know it."""
        ...


DOCUMENTS = Read(
    protocol=ReadsDocuments,
    record=Document,
    query=DocumentQuery,
    matches={
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
        "ehr_id": exactly("ehr_id"),
        "folder_name": in_any_case("folder_name"),
        "start_date": first_day("filed_on"),
        "end_date": last_day("filed_on"),
    },
    topics={
        Document: {
            "people": "patient_ehr_id patient_mrn patient_name",
            "documents": "ehr_id filename folder_name content_type size emr_assigned_to_id is_reviewed is_high_priority"
            " notes filed_on created_at updated_at",
        }
    },
)
FILES = Read(
    protocol=ReadsDocumentFiles,
    record=None,
    topics={DocumentFile: {"documents": "content filename content_type"}},
)
