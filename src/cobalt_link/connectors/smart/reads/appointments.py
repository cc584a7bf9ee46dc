"""Appointments of some days: over the whole practice where the server lists them, else one schedule at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TypeAlias

from cobalt_link.connector import (
    Appointment,
    AppointmentQuery,
    Mode,
    NoRights,
    Patient,
    Stream,
    Unsupported,
    matches_appointment,
)
from cobalt_link.connectors.smart.bundles import Page
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.names import npi_of
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.reads.patients import named, patient
from cobalt_link.connectors.smart.references import Reference, references
from cobalt_link.connectors.smart.server import Params, Server
from cobalt_link.connectors.smart.values import Resource, aware, codes, every, moment, text, whole, words

CANCELLED = ("cancelled", "noshow", "entered-in-error")
MOST = 5000  # appointments of one search
MOST_SCHEDULES = 40
AT_ONCE = 4
VIRTUAL = ("video", "tele", "virtual", "remote", "online")
PATIENT = ("Appointment:patient", "Appointment:actor")
_LAST = datetime.max.replace(tzinfo=UTC)
Search: TypeAlias = Callable[[Params], Awaitable[Page]]


async def of_days(server: Server, query: AppointmentQuery) -> Stream[Appointment]:
    losses, found = Losses(), dict[str, Appointment]()
    for page in await _pages(server, query, losses):
        losses.say(*page.losses)
        people = await _people(server, page, losses)
        for each in losses.each(page.matches, partial(appointment, server, people, losses)):
            if each.start is None:
                losses.lacks("Appointment", "no start")
            if _near(each, query) and matches_appointment(each, query):
                found.setdefault(each.ehr_id, each)
    for each in sorted(found.values(), key=lambda each: (aware(each.start) if each.start else _LAST, each.ehr_id)):
        yield each
    losses.end()


async def find(server: Server, ehr_id: str) -> Appointment | None:
    record = await server.read("Appointment", ehr_id)
    if record is None:
        return None
    losses = Losses()
    people = await _people(server, Page(matches=[record]), losses)
    return next(losses.each([record], partial(appointment, server, people, losses)), None)


def appointment(server: Server, people: dict[str, Resource], losses: Losses, record: Resource) -> Appointment | None:
    """None without a patient: what is in a schedule without one is no appointment of this API."""
    actors = references(record, "participant.actor", server.base)
    who = _patient(server, actors, people, losses)
    if who is None:
        losses.lacks("Appointment", "no patient")
        return None
    providers = [each for each in actors if each.kind in ("Practitioner", "PractitionerRole")]
    place = next((each for each in actors if each.kind == "Location"), Reference())
    start, status = moment(record, "start"), text(record, "status")
    first = providers[0] if providers else Reference()
    return Appointment(
        ehr_id=text(record, "id") or "",
        start=start,
        patient=who,
        duration=_minutes(record, start),
        status=status,
        cancelled=status in CANCELLED,
        appointment_type=words(record.get("appointmentType")) or words(record.get("serviceType")),
        mode=_mode(record),
        location_ehr_id=place.id,
        location_name=place.display or text(place.resource, "name"),
        reason=_reason(record),
        provider_ehr_id=first.id,
        provider_name=first.display,
        provider_npi=npi_of(first.resource),
        secondary_provider_ehr_id=providers[1].id if len(providers) > 1 else None,
        note=text(record, "comment"),
        created_at=moment(record, "created"),
        updated_at=moment(record, "meta.lastUpdated"),
    )


async def _pages(server: Server, query: AppointmentQuery, losses: Losses) -> list[Page]:
    """Everything that the server has of these days, by one search or one for each schedule."""
    days = day_range(server, "Appointment", query.start, query.end)
    if query.patient_ehr_id or server.session.patient:
        patient_id = query.patient_ehr_id or server.session.patient or ""
        return [await _all(server, {"patient": patient_id, **days})]
    if server.vendor.schedule == "days":
        try:
            return [await _all(server, days)]
        except FhirRefused:
            pass  # this one too wants a practitioner or a location named
    return await each_schedule(server, "Appointment", days, losses, lambda params: _all(server, params))


async def each_schedule(server: Server, kind: str, days: Params, losses: Losses, search: Search) -> list[Page]:
    """One bounded search for each schedule: of the clinician who signed in, and those that the operator named."""
    own = [f"Practitioner/{server.session.practitioner}"] if server.session.practitioner else []
    wanted = [*dict.fromkeys((*own, *server.session.schedules))]
    found = [params for each in wanted if (params := _of_actor(server, kind, each))]
    if not found:
        raise Unsupported(what=f"a list of {kind}s without a patient, a practitioner, or a location")
    if not server.session.schedules:
        losses.say("This EHR lists one schedule at a time: this is the schedule of the clinician who signed in.")
    if len(found) > MOST_SCHEDULES:
        losses.say(f"Only the first {MOST_SCHEDULES} schedules were read.")
    slots, pages = asyncio.Semaphore(AT_ONCE), found[:MOST_SCHEDULES]

    async def one(params: Params) -> Page:
        async with slots:
            return await search({**params, **days})

    return [*await asyncio.gather(*(one(each) for each in pages))]


def day_range(server: Server, kind: str, start: date, end: date, *names: str) -> Params:
    """A range of days as this server wants it. Both ends are always sent, for some refuse an open one."""
    name = server.takes(kind, *(names or ("date", "-date-or-req-period"))) or (names or ("date",))[0]
    after = min(end, date.max - timedelta(days=1)) + timedelta(days=1)
    suffix = "T00:00:00Z" if server.vendor.days == "instant" else ""
    return {name: [f"ge{start.isoformat()}{suffix}", f"lt{after.isoformat()}{suffix}"]}


def _of_actor(server: Server, kind: str, actor: str) -> Params | None:
    what, _, ehr_id = actor.partition("/")
    if kind == "Slot":
        name = server.takes(kind, "schedule.actor")
        return {name: actor} if name else None
    name = server.takes(kind, what.lower(), "actor")
    return {name: actor if name == "actor" else ehr_id} if name else None


async def _all(server: Server, params: Params) -> Page:
    includes = [each for each in PATIENT if each in server.offered("Appointment").includes][:1]
    return await server.all("Appointment", {**params, **({"_include": includes} if includes else {})}, most=MOST)


async def _people(server: Server, page: Page, losses: Losses) -> dict[str, Resource]:
    """The patients of appointments by their ids. Without a right to read patients their names have to do."""
    found = {ehr_id: record for (kind, ehr_id), record in page.included.items() if kind == "Patient"}
    wanted = [ref.id for each in page.matches for ref in references(each, "participant.actor", server.base)
              if ref.kind == "Patient" and ref.id and ref.id not in found]  # fmt: skip
    if not wanted:
        return found
    try:
        return found | await server.by_ids("Patient", wanted)
    except (FhirRefused, NoRights):
        losses.say("The EHR does not show the patients of appointments: only their names are known.")
        return found


def _patient(
    server: Server, actors: Iterable[Reference], people: dict[str, Resource], losses: Losses
) -> Patient | None:
    for each in actors:
        if each.kind == "Patient" and each.id:
            record = people.get(each.id)
            return patient(record, server, losses) if record else named(each.display, each.id)
    return None


def _minutes(record: Resource, start: datetime | None) -> int | None:
    minutes, end = whole(record, "minutesDuration"), moment(record, "end")
    if minutes is not None and minutes > 0:
        return minutes
    if start is None or end is None:
        return None
    return max(0, round((aware(end) - aware(start)).total_seconds() / 60)) or None


def _mode(record: Resource) -> Mode:
    said = [words(each) or "" for part in ("appointmentType", "serviceType") for each in every(record, part)]
    marks = {code for _, code in codes(record.get("appointmentType"))}
    virtual = any(mark in each.casefold() for each in said for mark in VIRTUAL)
    return "telemedicine" if virtual or "VR" in marks else "office"


def _reason(record: Resource) -> str | None:
    found = [said for each in every(record, "reasonCode") if (said := words(each))]
    return "; ".join(found) or text(record, "description")


def _near(each: Appointment, query: AppointmentQuery) -> bool:
    """Whether it can be of these days in some time zone. A server that ignored the range gives others too."""
    if each.start is None:
        return False
    return query.start - timedelta(days=1) <= each.start.date() <= query.end + timedelta(days=1)
