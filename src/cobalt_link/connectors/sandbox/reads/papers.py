"""Notes and documents of the sandbox EHR."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import quote, unquote

from cobalt_link.connector import (
    Chart,
    Document,
    DocumentFile,
    DocumentQuery,
    Note,
    NoteParts,
    NoteQuery,
    reads,
)
from cobalt_link.connectors.sandbox.reads.rows import ChartRows, Row, day, moment, whom

FILENAME = "filename*=UTF-8''"


class PaperReads(ChartRows):
    """What is written in the chart."""

    @reads("patient_ehr_id", "appointment_ehr_id", "ehr_id", "updated_since")
    async def notes(self, chart: Chart, query: NoteQuery) -> AsyncIterator[Note]:
        """Notes of visits and notes about patients are two lists of this EHR."""
        users = {row["id"]: row["name"] for row in (await self.api(chart).get("/users"))["users"]}
        if query.ehr_id:
            for path, name in (("notes", "note"), ("patient-notes", "patient_note")):
                if row := await self.row(chart, path, query.ehr_id, name):
                    yield note(row, "visit" if name == "note" else "patient", users)
            return
        either = {"patient_id": query.patient_ehr_id, "visit_id": query.appointment_ehr_id}
        async for row in self.rows(chart, "notes", query.updated_since, **either):
            yield note(row, "visit", users)
        if query.appointment_ehr_id:
            return
        async for row in self.rows(chart, "patient-notes", query.updated_since, patient_id=query.patient_ehr_id):
            yield note(row, "patient", users)

    @reads("patient_ehr_id", "ehr_id", "updated_since")
    async def documents(self, chart: Chart, query: DocumentQuery) -> AsyncIterator[Document]:
        folders = (await self.api(chart).get("/document-folders"))["document_folders"]
        names = {row["id"]: row["name"] for row in folders}
        if query.ehr_id:
            if row := await self.row(chart, "documents", query.ehr_id, "document"):
                yield document(row, names)
            return
        async for row in self.rows(chart, "documents", query.updated_since, patient_id=query.patient_ehr_id):
            yield document(row, names)

    @reads()
    async def document_files(self, chart: Chart, ehr_id: str) -> DocumentFile | None:
        found = await self.api(chart).download(f"/documents/{quote(ehr_id, safe='')}/content")
        if found is None:
            return None
        _, _, name = found.headers.get("content-disposition", "").partition(FILENAME)
        return DocumentFile(
            content=found.body,
            filename=unquote(name) or "document",
            content_type=found.headers.get("content-type", "application/octet-stream"),
        )


def note(row: Row, kind: Literal["visit", "patient"], users: dict[str, str]) -> Note:
    signed_by = row.get("signed_by", "")
    return Note(
        ehr_id=row["id"],
        text=row["text"],
        kind=kind,
        subject=row.get("subject") or None,
        parts=NoteParts(**row["sections"]) if row.get("sections") else None,
        icd_10_codes=tuple(row.get("icd10", ())),
        cpt_codes=tuple(row.get("cpt", ())),
        appointment_ehr_id=row.get("visit_id") or None,
        location_ehr_id=row.get("location_id") or None,
        author_ehr_id=row["created_by"] or None,
        author_name=users.get(row["created_by"]),
        signed=row.get("signed", False),
        signed_at=moment(row.get("signed_at")),
        signed_by=users.get(signed_by, signed_by) or None,
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        **whom(row),
    )


def document(row: Row, folders: dict[str, str]) -> Document:
    return Document(
        ehr_id=row["id"],
        filename=row["filename"],
        folder_name=folders.get(row["folder_id"]),
        content_type=row["media_type"] or None,
        size=row["size"],
        emr_assigned_to_id=row["assigned_to"] or None,
        is_reviewed=row["reviewed"],
        is_high_priority=row["priority"] == "high",
        notes=row["notes"] or None,
        filed_on=day(row["filed_on"]),
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        **whom(row),
    )
