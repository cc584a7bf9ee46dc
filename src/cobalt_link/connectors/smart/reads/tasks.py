"""Tasks: FHIR's Task. Without a patient or an assignee, those of the clinician who signed in."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import Stream, Task, TaskNote, TaskQuery
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.references import first
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.values import Resource, day, every, moment, text, words

MOST = 1000


async def found(server: Server, query: TaskQuery) -> Stream[Task]:
    losses = Losses()
    for each in losses.each(await _records(server, query, losses), lambda record: _task(server, record)):
        yield each
    losses.end()


async def _records(server: Server, query: TaskQuery, losses: Losses) -> list[Resource]:
    if query.ehr_id:
        one = await server.read("Task", query.ehr_id)
        return [one] if one else []
    params: dict[str, Any] = {}
    if query.patient_ehr_id:
        params[server.takes("Task", "patient", "subject") or "patient"] = query.patient_ehr_id
    if query.assignee_ehr_id:
        params[server.takes("Task", "owner", "performer") or "owner"] = f"Practitioner/{query.assignee_ehr_id}"
    try:
        page = await server.all("Task", params, most=MOST)
    except FhirRefused:
        own = server.session.practitioner
        if params or own is None:
            raise
        losses.say("The EHR lists no tasks of everybody: these are the ones of the clinician who signed in.")
        page = await server.all("Task", {server.takes("Task", "owner") or "owner": f"Practitioner/{own}"}, most=MOST)
    losses.say(*page.losses)
    return page.matches


def _task(server: Server, record: Resource) -> Task:
    who = first(record, "for", server.base, "Patient")
    owner = first(record, "owner", server.base, "Practitioner", "PractitionerRole", "Organization")
    subject, description = words(record.get("code")), text(record, "description")
    return Task(
        ehr_id=text(record, "id") or "",
        description=description or subject or "",
        subject=subject if description else None,
        status=text(record, "status"),
        patient_ehr_id=who.id if who.kind in ("Patient", None) else None,
        patient_name=who.display if who.kind in ("Patient", None) else None,
        assignee_ehr_id=owner.id,
        assignee_name=owner.display,
        due_date=day(record, "restriction.period.end") or day(record, "executionPeriod.end"),
        notes=tuple(
            TaskNote(text=said, author_name=_author(each), created_at=moment(each, "time"))
            for each in every(record, "note")
            if (said := text(each, "text"))
        ),
        created_at=moment(record, "authoredOn"),
        updated_at=moment(record, "lastModified", "meta.lastUpdated"),
    )


def _author(note: Any) -> str | None:
    return text(note, "authorReference.display", "authorString")
