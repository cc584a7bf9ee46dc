"""New appointments, and changes of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from cobalt_link.connector import AppointmentChange, Held, NewAppointment, NotWritten, Reason, RecordNotFound, Written
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.references import references
from cobalt_link.connectors.smart.server import Params, Server
from cobalt_link.connectors.smart.values import Resource, aware, every, moment, text, whole, words
from cobalt_link.connectors.smart.writes.sending import clean, create, held, identifier, refusal, to

KIND = "Appointment"
MINUTES = 30  # of an appointment whose length nobody says
STATUSES = ("proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "checked-in", "waitlist")
NOT_FOUND = Reason("APPOINTMENT_NOT_FOUND", "The EHR has no such appointment.", "ehr_id")
PATCH = "application/json-patch+json"


async def create_appointment(server: Server, write: NewAppointment) -> Written:
    slot = await _slot(server, write) if server.vendor.books_slots else None
    people = [("Patient", write.patient_ehr_id)]
    # A slot has the practitioner and the location, and servers that book slots refuse them beside it.
    people += [] if slot else [("Practitioner", write.provider_ehr_id), ("Location", write.location_ehr_id)]
    people += [("Practitioner", write.secondary_provider_ehr_id)] if write.secondary_provider_ehr_id else []
    end = write.start + timedelta(minutes=write.duration or MINUTES)
    return await create(server, {
        "resourceType": KIND,
        "identifier": [identifier(write.ref)],
        "status": "booked",
        "appointmentType": {"coding": [{"code": write.type}], "text": write.type},
        "reasonCode": [{"text": write.reason}] if write.reason else [],
        "slot": [to("Slot", text(slot, "id"))] if slot else [],
        "start": text(slot, "start") or write.start.isoformat(),
        "end": text(slot, "end") or end.isoformat(),
        "minutesDuration": write.duration,
        "comment": write.note,
        "participant": [{"actor": to(kind, ehr_id), "required": "required", "status": "accepted"}
                        for kind, ehr_id in people],
    })  # fmt: skip


async def check_appointment(server: Server, write: NewAppointment) -> None:
    if server.vendor.books_slots:
        await _slot(server, write)


async def held_appointment(server: Server, write: NewAppointment, ehr_id: str | None) -> Held | None:
    day, after = aware(write.start).date(), aware(write.start).date() + timedelta(days=1)
    name = server.takes(KIND, "date", "-date-or-req-period") or "date"
    where: Params = {"patient": write.patient_ehr_id, name: [f"ge{day - timedelta(days=1)}", f"lt{after}"]}

    def same(record: Resource) -> bool:
        start, people = moment(record, "start"), references(record, "participant.actor", server.base)
        provided = any(each.id == write.provider_ehr_id for each in people)
        return (
            start is not None
            and aware(start) == aware(write.start)
            and provided
            and text(record, "status") != "cancelled"
        )

    found = await held(server, KIND, write.ref, ehr_id, where, same)
    return Held(ehr_id=text(found, "id") or "", fields=_fields(server, found)) if found else None


async def change(server: Server, write: AppointmentChange) -> Written:
    before, tag = await _current(server, write)
    changes = _changes(before, write)
    headers = {"if-match": tag} if tag else {}
    url = server.url(f"{KIND}/{write.ehr_id}", {})
    try:
        if server.offered(KIND).can("update"):
            body = clean({**before, **changes})
            await server.send("PUT", url, body=body, headers=headers)
        else:
            operations = [{"op": "replace" if name in before else "add", "path": f"/{name}", "value": value}
                          for name, value in changes.items()]  # fmt: skip
            await server.send("PATCH", url, body=operations, content_type=PATCH, headers=headers)
    except FhirRefused as refused:
        raise refusal(refused) from None
    return Written(ehr_id=write.ehr_id)


async def check_change(server: Server, write: AppointmentChange) -> None:
    _changes((await _current(server, write))[0], write)


async def held_change(server: Server, write: AppointmentChange, ehr_id: str | None) -> Held | None:
    """None if the appointment is gone. What was answered took if some of it is there, as servers make a change whole
    and keep a value in their own way. What nobody answered took only if all of it is there."""
    found = await server.read(KIND, write.ehr_id)
    if found is None:
        return None
    fields, asked = _fields(server, found), msgspec.structs.asdict(write)
    wanted = {name: asked[name] for name in ("status", "note", "duration") if asked[name] is not None}
    there = [fields.get(name) == (value or None) for name, value in wanted.items()]  # no note is an empty one
    there += [fields["cancel"]] if write.cancel else []
    start: datetime | None = fields.get("start")
    there += [start is not None and aware(start) == aware(write.start)] if write.start else []
    took = (all if ehr_id is None else any)(there)
    return Held(ehr_id=write.ehr_id, fields=fields, took=took)


async def _current(server: Server, write: AppointmentChange) -> tuple[Resource, str | None]:
    """The appointment and its ETag. Raises NotWritten."""
    try:
        response = await server.send("GET", server.url(f"{KIND}/{write.ehr_id}", {}))
    except (FhirRefused, RecordNotFound):
        raise NotWritten(NOT_FOUND) from None
    record = response.json()
    if not isinstance(record, dict) or record.get("resourceType") != KIND:
        raise NotWritten(NOT_FOUND)
    version = text(record, "meta.versionId")
    return record, response.headers.get("etag") or (f'W/"{version}"' if version else None)


def _changes(before: Resource, write: AppointmentChange) -> dict[str, Any]:
    status = "cancelled" if write.cancel else write.status
    if status is not None and status not in STATUSES:
        raise NotWritten(Reason("UNKNOWN_STATUS", f"The EHR knows these: {', '.join(STATUSES)}.", "status"))
    found: dict[str, Any] = {"status": status, "comment": write.note}
    start, minutes = write.start or moment(before, "start"), write.duration or _minutes(before)
    if (write.start or write.duration) and start is not None:
        end = aware(start) + timedelta(minutes=minutes or MINUTES)
        found |= {"start": aware(start).isoformat(), "end": end.isoformat()}
        found |= {"minutesDuration": minutes} if "minutesDuration" in before or write.duration else {}
    return {name: value for name, value in found.items() if value is not None}


def _fields(server: Server, record: Resource) -> dict[str, Any]:
    people = references(record, "participant.actor", server.base)
    ids = {kind: next((each.id for each in people if each.kind == kind), None)
           for kind in ("Patient", "Practitioner", "Location")}  # fmt: skip
    found = {
        "patient_ehr_id": ids["Patient"],
        "provider_ehr_id": ids["Practitioner"],
        "location_ehr_id": ids["Location"],
        "type": text(record, "appointmentType.coding.code") or words(record.get("appointmentType")),
        "start": moment(record, "start"),
        "duration": _minutes(record),
        "note": text(record, "comment"),
        "reason": text(record, "reasonCode.text"),
        "status": text(record, "status"),
        "cancel": text(record, "status") == "cancelled",
    }
    return {name: value for name, value in found.items() if value is not None}


def _minutes(record: Resource) -> int | None:
    start, end = moment(record, "start"), moment(record, "end")
    lasts = (aware(end) - aware(start)).total_seconds() / 60 if start and end else None
    return whole(record, "minutesDuration") or (round(lasts) if lasts else None)


async def _slot(server: Server, write: NewAppointment) -> Resource:
    """The free slot of that practitioner at that time. Raises NotWritten."""
    start = aware(write.start)
    params: Params = {
        "schedule.actor": f"Practitioner/{write.provider_ehr_id}",
        "start": [f"ge{start.isoformat()}", f"lt{(start + timedelta(minutes=1)).isoformat()}"],
    }
    found = (await server.all("Slot", params, most=20)).matches
    free = [each for each in found if text(each, "status") == "free" and every(each, "id")]
    if not free:
        raise NotWritten(Reason("SLOT_NOT_FREE", "The EHR has no free slot of this provider at that time.", "start"))
    return free[0]
