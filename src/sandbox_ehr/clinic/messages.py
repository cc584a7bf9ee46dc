"""Messages from the session's user to a provider."""

import sqlite3
from typing import Annotated

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic import patients, records
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.records import Kind, ListQuery, NewRow, Row, Text
from sandbox_ehr.refusals import RequestRefused

MESSAGE = Kind("message", "messages", "M", parent="provider_id")


class NewMessage(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/messages`. `provider_id` is who gets it, `patient_id` who it is about, if anybody."""

    provider_id: str
    patient_id: str = ""
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Text


class MessageQuery(ListQuery, frozen=True, kw_only=True):
    provider_id: str = ""


def create(connection: sqlite3.Connection, context: ChartContext, body: NewMessage) -> Row:
    if body.provider_id not in {provider.id for provider in context.clinic.providers if provider.active}:
        raise RequestRefused(refusals.unknown_reference("provider_id"))
    about: Row = msgspec.to_builtins(body)
    if body.patient_id:
        patients.require(connection, context.clinic.id, body.patient_id)
    else:
        about.pop("patient_id")
    doc = about | {"from": context.user_name, "sent_at": context.written_at, "read": False}
    return records.add(connection, context, MESSAGE, doc)


def mark_read(connection: sqlite3.Connection, context: ChartContext, row_id: str) -> Row:
    return records.change(connection, context, MESSAGE, row_id, {"read": True})
