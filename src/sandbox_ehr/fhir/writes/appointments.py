"""Books and changes visits."""

import sqlite3
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import UNSET

from sandbox_ehr.clinic import schedule_slots, visit_writes
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.records import Row
from sandbox_ehr.clinic.schedule_slots import SlotQuery
from sandbox_ehr.clinic.visit_writes import NewVisit, VisitChange
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.schedule import STATUS, STATUSES, TYPES, visits_of
from sandbox_ehr.fhir.outcome import FhirRefused, Resource
from sandbox_ehr.fhir.writes.given import built, changed, client_ref, code_in, first, pointed_to, require, text_of

USUAL_TYPE = "FU"
# Where a FHIR status leads. Booked keeps what the clinic has, so that a confirmation is not lost.
TARGETS = {"arrived": "CHKIN", "checked-in": "CHKIN", "fulfilled": "DONE", "noshow": "NOSHOW", "cancelled": "CANC"}


def create(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> str:
    if first(resource, "status") not in ("booked", "pending", "proposed"):
        raise FhirRefused(422, "business-rule", "A new appointment must be booked, pending or proposed.")
    slot = _slot(connection, context, resource)
    people = pointed_to(resource, "participant.actor", "Practitioner") or [slot.get("provider_id", "")]
    place = next(iter(pointed_to(resource, "participant.actor", "Location")), slot.get("location_id", ""))
    start, minutes = _time(resource | {name: slot[name] for name in ("start", "end") if slot and name not in resource})
    body = built(
        NewVisit,
        patient_id=require(next(iter(pointed_to(resource, "participant.actor", "Patient")), ""), "A patient"),
        provider_id=require(people[0], "A practitioner"),
        second_provider_id=people[1] if len(people) > 1 else "",
        location_id=require(place, "A location"),
        type=code_in([*_types(resource)], TYPES) or USUAL_TYPE,
        start=start,
        minutes=minutes,
        reason=_reason(resource),
        note=first(resource, "comment"),
        client_ref=client_ref(resource),
    )
    return visit_writes.create(connection, context, body).id


def update(connection: sqlite3.Connection, context: ChartContext, row_id: str, resource: Resource) -> None:
    """Only what differs is changed: a visit that has begun takes nothing but its status and its note."""
    (visit,) = visits_of(connection, context, Hint(ids=(row_id,)))
    details, (start, minutes) = visit.details, _time(resource)
    people = [*pointed_to(resource, "participant.actor", "Practitioner"), "", ""]
    places = pointed_to(resource, "participant.actor", "Location")
    body = built(
        VisitChange,
        patient_id=changed([visit.patient.id], pointed_to(resource, "participant.actor", "Patient")[:1]),
        provider_id=changed(details.provider_id, people[0] or details.provider_id),
        second_provider_id=changed(details.second_provider_id, people[1]),
        location_id=changed(details.location_id, places[0] if places else details.location_id),
        type=changed(details.type, code_in([*_types(resource)], TYPES) or details.type),
        start=UNSET if start.timestamp() == visit.starts_at else start,
        minutes=changed(details.minutes, minutes),
        reason=changed(details.reason, _reason(resource)),
        note=changed(details.note, first(resource, "comment")),
        status=_status(resource, visit.status_at(context.now)),
    )
    visit_writes.change(connection, context, row_id, body)


def update_slot(connection: sqlite3.Connection, context: ChartContext, row_id: str, resource: Resource) -> None:
    kinds: dict[str, Literal["block", "open"]] = {"free": "open", "busy-unavailable": "block", "busy": "block"}
    kind = kinds.get(first(resource, "status"))
    if kind is None:
        raise FhirRefused(422, "value", f"status must be one of {', '.join(kinds)}.")
    schedule_slots.set_kind(connection, context, row_id, kind)


def _status(resource: Resource, before: str) -> Any:
    wanted = first(resource, "status")
    if wanted not in STATUSES.values() and wanted not in TARGETS:
        raise FhirRefused(422, "value", f"status {wanted} is not known here.")
    own = [each.get("valueCode") for each in resource.get("extension", ()) if each.get("url") == STATUS]
    if own and own[0] != before and STATUSES.get(own[0]) == wanted:
        return own[0]
    if STATUSES[before] == wanted:
        return UNSET
    if wanted == "booked":
        return "SCHED"
    return "R/S" if text_of(resource.get("cancelationReason")) == "Rescheduled" else TARGETS[wanted]


def _time(resource: Resource) -> tuple[datetime, int]:
    try:
        start = datetime.fromisoformat(str(require(resource.get("start"), "start")))
        end = datetime.fromisoformat(str(resource["end"])) if resource.get("end") else None
    except ValueError:
        raise FhirRefused(422, "invalid", "start and end must be instants.") from None
    if start.tzinfo is None or (end and end.tzinfo is None):
        raise FhirRefused(422, "invalid", "start and end must have a zone.")
    minutes = (end - start) // timedelta(minutes=1) if end else resource.get("minutesDuration", 0)
    return start, int(require(minutes or "", "end"))


def _types(resource: Resource) -> list[Any]:
    return [each for each in (resource.get("appointmentType"), *resource.get("serviceType", ())) if each]


def _reason(resource: Resource) -> str:
    return str(text_of(resource.get("reasonCode", [])))[:200]


def _slot(connection: sqlite3.Connection, context: ChartContext, resource: Resource) -> Row:
    """The open slot that a booking names, if it names one. Raises FhirRefused if somebody has taken it."""
    wanted = pointed_to(resource, "slot", "Slot")
    if not wanted:
        return {}
    days = SlotQuery(start=context.today, end=context.today + timedelta(days=60))
    for row in schedule_slots.find(connection, context, "open", days):
        if row["id"] == wanted[0]:
            return row
    raise FhirRefused(409, "conflict", f"Slot/{wanted[0]} is not free.")
