"""The schedule as FHIR resources: appointments, slots, and the schedule of each provider at each location."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from sandbox_ehr.clinic import schedule_slots, visits
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.practice import VISIT_TYPES
from sandbox_ehr.clinic.records import Row
from sandbox_ehr.clinic.schedule_slots import MAX_DAYS, SlotQuery
from sandbox_ehr.clinic.visits import DAYS_AROUND_TODAY, Visit, VisitQuery
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.people import shown_name
from sandbox_ehr.fhir.mapping.places import PRACTICE_BEGAN
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import SYSTEM, client_identifier, concept, filled, meta, reference

# Two statuses have no word of their own in FHIR, so an extension has the clinic's.
STATUSES = {
    "SCHED": "booked",
    "CONF": "booked",
    "CHKIN": "arrived",
    "DONE": "fulfilled",
    "NOSHOW": "noshow",
    "CANC": "cancelled",
    "R/S": "cancelled",
}
STATUS = f"{SYSTEM}/visit-status"
VISIT_TYPE = f"{SYSTEM}/visit-type"
TYPES = {kind.code: kind for kind in VISIT_TYPES}
SLOT_STATUSES: dict[Literal["open", "block"], str] = {"open": "free", "block": "busy-unavailable"}


def load_appointments(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for visit in visits_of(connection, context, hint):
        yield appointment(context, visit)


def visits_of(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> list[Visit]:
    if hint.only_id:
        visit = visits.find_one(connection, context.clinic, hint.only_id, context.now)
        return [visit] if visit else []
    # A provider who only assists is not in that column of the table, so a hint of one is of no use here.
    query = VisitQuery(patient_id=hint.patient, start=hint.first_day, end=hint.last_day)
    return visits.find(connection, context.clinic, query, context.now)


def appointment(context: ChartContext, visit: Visit) -> Resource:
    details, kind, status = visit.details, TYPES[visit.details.type], visit.status_at(context.now)
    return filled(
        {
            "resourceType": "Appointment",
            "id": visit.id,
            "meta": meta(details.updated_at),
            "extension": [{"url": STATUS, "valueCode": status}],
            "identifier": client_identifier(details.client_ref),
            "status": STATUSES[status],
            "cancelationReason": {"text": "Rescheduled"} if status == "R/S" else None,
            "appointmentType": concept(VISIT_TYPE, kind.code, kind.description),
            "serviceType": [concept(VISIT_TYPE, kind.code, kind.description)],
            "reasonCode": [{"text": details.reason}] if details.reason else [],
            "description": kind.description,
            "start": context.shown(visit.starts_at),
            "end": context.shown(visit.ends_at),
            "minutesDuration": details.minutes,
            "created": details.created_at,
            "comment": details.note,
            "participant": _participants(context, visit),
        }
    )


def load_slots(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    visits.plan_around_today(connection, context.clinic, context.now)
    first = hint.first_day or context.today - timedelta(days=DAYS_AROUND_TODAY)
    last = hint.last_day or context.today + timedelta(days=DAYS_AROUND_TODAY)
    last = min(last, first + timedelta(days=MAX_DAYS - 1))
    if last < first:
        return
    for kind, status in SLOT_STATUSES.items():
        for row in schedule_slots.find(connection, context, kind, SlotQuery(start=first, end=last)):
            yield _slot(context, row, status)


def load_schedules(_connection: sqlite3.Connection, context: ChartContext, _hint: Hint) -> Iterator[Resource]:
    names = {location.id: location.name for location in context.clinic.locations}
    around = timedelta(days=DAYS_AROUND_TODAY)
    for provider in context.clinic.providers:
        for place in dict.fromkeys(provider.days.values()):
            yield {
                "resourceType": "Schedule",
                "id": f"{provider.id}-{place}",
                "meta": meta(PRACTICE_BEGAN),
                "active": provider.active,
                "specialty": [{"text": provider.specialty}],
                "actor": [
                    reference("Practitioner", provider.id, shown_name(provider)),
                    reference("Location", place, names[place]),
                ],
                "planningHorizon": {
                    "start": (context.today - around).isoformat(),
                    "end": (context.today + around).isoformat(),
                },
            }


def _participants(context: ChartContext, visit: Visit) -> list[Resource]:
    providers = {each.id: shown_name(each) for each in context.clinic.providers}
    locations = {each.id: each.name for each in context.clinic.locations}
    details, patient = visit.details, visit.patient
    actors = [
        reference("Patient", patient.id, f"{patient.first_name} {patient.last_name}"),
        *(
            reference("Practitioner", each, providers.get(each, ""))
            for each in (details.provider_id, details.second_provider_id)
            if each
        ),
        reference("Location", details.location_id, locations.get(details.location_id, "")),
    ]
    return [{"actor": actor, "required": "required", "status": "accepted"} for actor in actors]


def _slot(context: ChartContext, row: Row, status: str) -> Resource:
    place = row["location_id"] or next(iter(_places(context, row["provider_id"])), "")
    return filled(
        {
            "resourceType": "Slot",
            "id": row["id"],
            "meta": meta(row["updated_at"]),
            "identifier": client_identifier(row["client_ref"]),
            "schedule": reference("Schedule", f"{row['provider_id']}-{place}"),
            "status": status,
            "start": row["start"],
            "end": row["end"],
            "comment": row["title"],
        }
    )


def _places(context: ChartContext, provider_id: str) -> list[str]:
    return [place for each in context.clinic.providers if each.id == provider_id for place in each.days.values()]
