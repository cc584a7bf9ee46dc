"""Referrals, with their documents."""

from __future__ import annotations

import base64

from cobalt_link.connector import Chart, Connector, Held, JsonClient, NewReferral, ReferralDocument, Writing, Written
from cobalt_link.connectors.sandbox.writes.documents import DOCUMENTS, content_of
from cobalt_link.connectors.sandbox.writes.fields import Field, Row, plain
from cobalt_link.connectors.sandbox.writes.rows import PATIENT, Table, client

NOBODY = "0"  # ours. The EHR leaves the side empty.


def theirs(provider: str) -> str:
    return "" if provider == NOBODY else provider


REFERRALS = Table(
    path="/referrals",
    name="referral",
    fields=(
        *PATIENT,
        Field("from_provider_ehr_id", "from_provider_id", theirs),
        Field("to_provider_ehr_id", "to_provider_id", theirs),
        *plain("direction", "priority", "reason"),
        Field("diagnosis_codes", "icd10", list, tuple),
    ),
    called={"files": "documents"},
)


async def create(connector: Connector, chart: Chart, write: NewReferral) -> Written:
    files = [
        {"filename": each.filename, "content": base64.b64encode(each.content).decode()} for each in write.documents
    ]
    return await REFERRALS.create(client(connector, chart), write, {"files": files})


async def read_back(connector: Connector, chart: Chart, write: NewReferral, _ehr_id: str | None) -> Held | None:
    api = client(connector, chart)
    row = await REFERRALS.made(api, write)
    return REFERRALS.held(write, row, documents=await _documents(api, write, row)) if row else None


async def _documents(api: JsonClient, write: NewReferral, row: Row) -> tuple[ReferralDocument, ...]:
    found = []
    for place, document_id in enumerate(row["document_ids"]):
        wanted = write.documents[place].content if place < len(write.documents) else b""
        if document := await DOCUMENTS.one(api, document_id):
            content = await content_of(api, document, wanted)
            found.append(ReferralDocument(filename=document["filename"], content=content))
    return tuple(found)


REFERRAL = Writing(write=create, read_back=read_back)
