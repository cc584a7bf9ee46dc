"""Reads rows of the chart for a loader, and the members that many of them share."""

import sqlite3

from sandbox_ehr.clinic import records
from sandbox_ehr.clinic.context import ChartContext, StaffUser, user_of
from sandbox_ehr.clinic.records import Kind, ListQuery, Row
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.people import shown_name
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import reference
from sandbox_ehr.refusals import RequestRefused


class OfPatient(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""


def rows_of(
    connection: sqlite3.Connection, context: ChartContext, kind: Kind, hint: Hint, row_id: str = ""
) -> list[Row]:
    """All rows that the hint leaves. `row_id` is the id of the row if that of the resource is a longer one."""
    wanted = row_id or hint.only_id
    if wanted:
        try:
            return [records.one(connection, context, kind, wanted)]
        except RequestRefused:
            return []
    return records.find(connection, context, kind, OfPatient(patient_id=hint.patient, limit=10**6))[1]


def patient_of(row: Row) -> Resource | None:
    patient = row.get("patient")
    if not patient:
        return None
    return reference("Patient", row["patient_id"], f"{patient['first_name']} {patient['last_name']}")


def practitioner(context: ChartContext, provider_id: str) -> Resource | None:
    names = {each.id: shown_name(each) for each in context.clinic.providers}
    return reference("Practitioner", provider_id, names.get(provider_id, "")) if provider_id else None


def person(context: ChartContext, user_id: str) -> Resource:
    """Whoever wrote or does something. A provider who is a user is one Practitioner, not two."""
    for each in context.clinic.providers:
        if user_id == user_of(each.id):
            return reference("Practitioner", each.id, shown_name(each))
    users: dict[str, StaffUser] = {user.id: user for user in context.accounts}
    return reference("Practitioner", user_id, users[user_id].name if user_id in users else "")


def user_id_of(context: ChartContext, practitioner_id: str) -> str:
    """The user behind a Practitioner."""
    return (
        user_of(practitioner_id)
        if practitioner_id in {each.id for each in context.clinic.providers}
        else practitioner_id
    )
