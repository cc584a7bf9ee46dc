"""Documents, with their bytes."""

from __future__ import annotations

import hashlib

from cobalt_link.connector import Chart, Connector, Held, JsonClient, NewDocument, Writing, Written, multipart
from cobalt_link.connectors.sandbox.writes.authorship import AUTHORSHIP
from cobalt_link.connectors.sandbox.writes.choices import choices, id_of, same_name
from cobalt_link.connectors.sandbox.writes.fields import Field, Row
from cobalt_link.connectors.sandbox.writes.priorities import PRIORITY
from cobalt_link.connectors.sandbox.writes.rows import PATIENT, Table, client, sent

DOCUMENTS = Table(
    path="/documents",
    name="document",
    fields=(
        *PATIENT,
        Field("assigned_to_ehr_id", "assigned_to"),
        Field("is_reviewed", "reviewed"),
        Field("notes", "notes"),
        PRIORITY,
        AUTHORSHIP,
    ),
    called={"folder_id": "folder_name", "file": "content"},
)


async def create(connector: Connector, chart: Chart, write: NewDocument) -> Written:
    api = client(connector, chart)
    folder = id_of(write.folder_name, await choices(api, "document-folders"), "folder_id", DOCUMENTS.names)
    row = {**sent(DOCUMENTS.fields, write), "folder_id": folder, "client_ref": write.ref}
    form = {name: _text(value) for name, value in row.items()}
    file = {"name": "file", "filename": write.filename, "media_type": write.media_type, "content": write.content}
    return await DOCUMENTS.upload(api, multipart(form, **file))


async def read_back(connector: Connector, chart: Chart, write: NewDocument, _ehr_id: str | None) -> Held | None:
    api = client(connector, chart)
    row = await DOCUMENTS.made(api, write)
    if row is None:
        return None
    folder = (await choices(api, "document-folders")).get(row["folder_id"], row["folder_id"])
    return DOCUMENTS.held(
        write,
        row,
        folder_name=write.folder_name if same_name(folder, write.folder_name) else folder,
        filename=row["filename"],
        media_type=row["media_type"],
        content=await content_of(api, row, write.content),
    )


async def content_of(api: JsonClient, row: Row, asked: bytes) -> bytes:
    """The bytes of a document. They are read only if the EHR's digest of them is another than that of `asked`."""
    if hashlib.sha256(asked).hexdigest() == row["sha256"]:
        return asked
    answer = await api.download(f"{DOCUMENTS.at(row['id'])}/content")
    return answer.body if answer else b""


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


DOCUMENT = Writing(write=create, read_back=read_back)
