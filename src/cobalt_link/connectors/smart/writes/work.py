"""New tasks, and messages to a provider."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import Held, NewMessage, NewTask, Written
from cobalt_link.connectors.smart.references import first
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.values import text, words
from cobalt_link.connectors.smart.writes.sending import create, held, identifier, now, signed_in, to

NOTIFICATION = "http://terminology.hl7.org/CodeSystem/communication-category"


async def create_task(server: Server, write: NewTask) -> Written:
    return await create(server, {
        "resourceType": "Task",
        "identifier": [identifier(write.ref)],
        "status": "requested",
        "intent": "order",
        "code": {"text": write.subject},
        "description": write.description,
        "for": to("Patient", write.patient_ehr_id),
        "authoredOn": now(),
        "requester": signed_in(server),
        "owner": to("Practitioner", write.assignee_ehr_id),
    })  # fmt: skip


async def held_task(server: Server, write: NewTask, ehr_id: str | None) -> Held | None:
    where = {server.takes("Task", "patient", "subject") or "patient": write.patient_ehr_id}
    found = await held(server, "Task", write.ref, ehr_id, where)
    if found is None:
        return None
    fields: dict[str, Any] = {
        "description": text(found, "description"),
        "subject": words(found.get("code")),
        "assignee_ehr_id": first(found, "owner", server.base, "Practitioner").id,
        "patient_ehr_id": first(found, "for", server.base, "Patient").id,
    }
    return Held(ehr_id=text(found, "id") or "", fields={name: value for name, value in fields.items() if value})


async def create_message(server: Server, write: NewMessage) -> Written:
    return await create(server, {
        "resourceType": "Communication",
        "identifier": [identifier(write.ref)],
        "status": "completed",
        "category": [{"coding": [{"system": NOTIFICATION, "code": "notification"}]}],
        "topic": {"text": write.subject},
        "sent": now(),
        "sender": signed_in(server),
        "recipient": [to("Practitioner", write.provider_ehr_id)],
        "payload": [{"contentString": write.message}],
    })  # fmt: skip


async def held_message(server: Server, write: NewMessage, ehr_id: str | None) -> Held | None:
    name = server.takes("Communication", "recipient")
    where = {name: f"Practitioner/{write.provider_ehr_id}"} if name else {}
    found = await held(server, "Communication", write.ref, ehr_id, where)
    if found is None:
        return None
    fields: dict[str, Any] = {
        "subject": words(found.get("topic")),
        "message": text(found, "payload.contentString"),
        "provider_ehr_id": first(found, "recipient", server.base, "Practitioner").id,
    }
    return Held(ehr_id=text(found, "id") or "", fields={name: value for name, value in fields.items() if value})
