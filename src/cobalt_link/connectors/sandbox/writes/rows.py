"""How every write goes out: one request that changes something, then a search for the row by our reference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from cobalt_link.connector import Chart, Connector, Content, Created, Held, JsonClient, Write, Writing, Written
from cobalt_link.connectors.sandbox.api import api_of
from cobalt_link.connectors.sandbox.writes.fields import Field, Fields, Row, body, held
from cobalt_link.connectors.sandbox.writes.refused import Names, errors

PATIENT: Fields = (Field("patient_ehr_id", "patient_id"), Field("patient_mrn", "patient.mrn"))


def client(connector: Connector, chart: Chart) -> JsonClient:
    return api_of(connector.http, chart.instance, chart.session)


def version(row: Row) -> datetime | None:
    """When the row was changed last, to the second."""
    return datetime.fromisoformat(row["updated_at"]) if row.get("updated_at") else None


def nothing(_row: Row) -> Row:
    return {}


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A list of the EHR. `name` is what it calls one row, and `path` where all of them are.

    `fields` are the write's, and `called` is our name of members that no field has. `shown` is added to the data of the
    event. `missing` is the member of `refused.UNKNOWN` that is meant if a row to be changed is not there.
    """

    path: str
    name: str
    fields: Fields
    shown: Callable[[Row], Row] = nothing
    missing: str | None = None
    called: Names = {}

    @property
    def names(self) -> Names:
        names = {each.member: each.name for each in self.fields}
        # A patient who is not found is who the app named by the record number.
        return names | ({"patient_id": "patient_mrn"} if "patient_mrn" in names.values() else {}) | self.called

    @property
    def rows(self) -> str:
        return self.path.strip("/").replace("-", "_")

    async def create(self, api: JsonClient, write: Write, more: Row | None = None) -> Written:
        row = {**sent(self.fields, write), **(more or {}), "client_ref": write.ref}
        return self.written(await api.create(self.path, row, errors=errors(self.names)))

    async def upload(self, api: JsonClient, content: Content) -> Written:
        return self.written(await api.create(self.path, content=content, errors=errors(self.names)))

    async def change(self, api: JsonClient, ehr_id: str, row: Row) -> Written:
        """This EHR makes a change whole or not at all, and answers with the row that it made."""
        said = await api.call("PATCH", self.at(ehr_id), json=row, errors=errors(self.names, self.missing))
        return Written(ehr_id=ehr_id, version=version(said[self.name]) if said else None)

    def written(self, answer: Created) -> Written:
        """The id of a new row. This EHR may answer with an empty body, and its address only."""
        if isinstance(answer.said, dict):
            return Written(ehr_id=answer.said[self.name]["id"])
        last = (answer.location or "").rstrip("/").rpartition("/")[2]
        return Written(ehr_id=unquote(last) or None)

    async def made(self, api: JsonClient, write: Write) -> Row | None:
        """The row that this write made. None if there is none."""
        found = (await api.get(self.path, {"client_ref": write.ref}))[self.rows]
        return found[0] if found else None

    async def one(self, api: JsonClient, ehr_id: str) -> Row | None:
        found = await api.find(self.at(ehr_id))
        return found[self.name] if found else None

    def at(self, ehr_id: str) -> str:
        return f"{self.path}/{quote(ehr_id, safe='')}"

    def held(self, write: Write, row: Row, *, pending_signature: bool = False, took: bool = True, **more: Any) -> Held:
        fields = held(self.fields, write, row) | more
        return Held(
            ehr_id=row["id"],
            fields=fields,
            shown=self.shown(row),
            pending_signature=pending_signature,
            took=took,
            version=version(row),
        )

    def creates(self) -> Writing:
        """Writes that need nothing but the fields."""

        async def write(connector: Connector, chart: Chart, write: Write) -> Written:
            return await self.create(client(connector, chart), write)

        async def read_back(connector: Connector, chart: Chart, write: Write, _ehr_id: str | None) -> Held | None:
            row = await self.made(client(connector, chart), write)
            return self.held(write, row) if row else None

        return Writing(write=write, read_back=read_back)


def sent(fields: Fields, write: Write) -> Row:
    """A patient goes by the id alone."""
    return body(tuple(each for each in fields if not each.member.startswith("patient.")), write)
