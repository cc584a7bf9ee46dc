"""Referrals from and to providers elsewhere, with their documents."""

import base64
import binascii
import mimetypes
import sqlite3
from datetime import date
from typing import Annotated, Literal

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic import documents, patients, records
from sandbox_ehr.clinic.codes import Icd10
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.documents import File, NewDocument
from sandbox_ehr.clinic.records import Kind, ListQuery, NewRow, Row
from sandbox_ehr.clinic.referring_providers import REFERRING_PROVIDER
from sandbox_ehr.refusals import RequestRefused

REFERRAL = Kind("referral", "referrals", "R", day="referred_on")
FOLDER = "F3"
Direction = Literal["incoming", "outgoing"]
Priority = Literal["routine", "urgent", "stat"]


class ReferralFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`content` is base64."""

    filename: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    content: str


class NewReferral(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/referrals`. Empty provider ids mean that this side has none."""

    patient_id: str
    direction: Direction
    from_provider_id: str = ""
    to_provider_id: str = ""
    priority: Priority = "routine"
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    icd10: tuple[Icd10, ...] = ()
    files: Annotated[tuple[ReferralFile, ...], msgspec.Meta(max_length=20)] = ()


class ReferralQuery(ListQuery, frozen=True, kw_only=True):
    """`start` and `end` are days of referral, both included."""

    patient_id: str = ""
    direction: Direction | Literal[""] = ""
    status: Literal["", "open", "scheduled", "closed"] = ""
    priority: Priority | Literal[""] = ""
    start: date | None = None
    end: date | None = None


def create(connection: sqlite3.Connection, context: ChartContext, body: NewReferral) -> Row:
    """Raises RequestRefused for an unknown provider on either side, or a file that is not base64."""
    patients.require(connection, context.clinic.id, body.patient_id)
    names = provider_names(connection, context)
    ours = {provider.id for provider in context.clinic.providers}
    sides = {"from_provider_id": body.from_provider_id, "to_provider_id": body.to_provider_id}
    inside = "to_provider_id" if body.direction == "incoming" else "from_provider_id"
    for side, provider_id in sides.items():
        if provider_id and (provider_id not in names or (provider_id in ours) != (side == inside)):
            raise RequestRefused(refusals.unknown_reference(side))
    doc: Row = msgspec.to_builtins(body)
    doc.pop("files")
    doc["document_ids"] = [_filed(connection, context, body.patient_id, file) for file in body.files]
    doc |= {"from_provider": names.get(body.from_provider_id, ""), "to_provider": names.get(body.to_provider_id, "")}
    today = context.today.isoformat()
    doc |= {"status": "open", "referred_on": today, "last_activity_at": context.written_at}
    return records.add(connection, context, REFERRAL, doc)


def provider_names(connection: sqlite3.Connection, context: ChartContext) -> dict[str, str]:
    """Every provider of the clinic and every referring provider: "Last, First" by id."""
    _, others = records.find(connection, context, REFERRING_PROVIDER, ListQuery(limit=10**6))
    names = {row["id"]: f"{row['last_name']}, {row['first_name']}" for row in others}
    return names | {each.id: f"{each.last_name}, {each.first_name}" for each in context.clinic.providers}


def _filed(connection: sqlite3.Connection, context: ChartContext, patient_id: str, file: ReferralFile) -> str:
    try:
        content = base64.b64decode(file.content, validate=True)
    except binascii.Error:
        raise RequestRefused(refusals.invalid_value("files", "A file is not base64.")) from None
    media_type = mimetypes.guess_type(file.filename)[0] or "application/octet-stream"
    about = NewDocument(patient_id=patient_id, folder_id=FOLDER)
    return documents.create(connection, context, about, File(file.filename, media_type, content))["id"]
