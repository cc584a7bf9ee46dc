"""Open times: FHIR's Slot, with the practitioner and the location of its Schedule."""

from __future__ import annotations

from functools import partial

from cobalt_link.connector import NoRights, Slot, SlotQuery, Stream
from cobalt_link.connectors.smart.bundles import Page
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.reads.appointments import day_range, each_schedule
from cobalt_link.connectors.smart.references import Reference, first, reference
from cobalt_link.connectors.smart.server import Params, Server
from cobalt_link.connectors.smart.values import Resource, aware, every, moment, text, words

MOST = 5000
# What is neither open nor taken by an appointment: the practice has closed it.
CLOSED = ("busy-unavailable", "entered-in-error")


async def of_days(server: Server, query: SlotQuery) -> Stream[Slot]:
    losses, found = Losses(), dict[str, Slot]()
    days = day_range(server, "Slot", query.start_date, query.end_date, "start")
    for page in await _pages(server, query, days, losses):
        losses.say(*page.losses)
        schedules = await _schedules(server, page, losses)
        for each in losses.each(page.matches, partial(slot, server, schedules, losses)):
            if query.provider_ehr_id in (None, each.provider_ehr_id):
                found.setdefault(each.ehr_id, each)
    for each in sorted(found.values(), key=lambda each: (aware(each.start), each.ehr_id)):
        yield each
    losses.end()


def slot(server: Server, schedules: dict[str, Resource], losses: Losses, record: Resource) -> Slot | None:
    start, end = moment(record, "start"), moment(record, "end")
    if text(record, "status") in CLOSED:
        return None
    if start is None or end is None:
        losses.lacks("Slot", "no start or no end")
        return None
    at = reference(_only(record, "schedule"), server.base, record)
    schedule = at.resource or schedules.get(at.id or "")
    place = first(schedule, "actor", server.base, "Location") if schedule else Reference()
    who = first(schedule, "actor", server.base, "Practitioner", "PractitionerRole") if schedule else Reference()
    title = (
        words(record.get("appointmentType")) or words(record.get("serviceType")) or words(record.get("serviceCategory"))
    )
    return Slot(
        ehr_id=text(record, "id") or "",
        start=start,
        end=end,
        provider_ehr_id=who.id,
        location_ehr_id=place.id,
        location_name=place.display,
        title=title,
    )


async def _pages(server: Server, query: SlotQuery, days: Params, losses: Losses) -> list[Page]:
    if query.provider_ehr_id and (name := server.takes("Slot", "schedule.actor")):
        return [await _all(server, {**days, name: f"Practitioner/{query.provider_ehr_id}"})]
    if server.vendor.schedule == "days":
        try:
            return [await _all(server, days)]
        except FhirRefused:
            pass  # this server wants to know whose slots
    return await each_schedule(server, "Slot", days, losses, lambda params: _all(server, params))


async def _all(server: Server, params: Params) -> Page:
    includes = ["Slot:schedule"] if "Slot:schedule" in server.offered("Slot").includes else []
    return await server.all("Slot", {**params, **({"_include": includes} if includes else {})}, most=MOST)


async def _schedules(server: Server, page: Page, losses: Losses) -> dict[str, Resource]:
    found = {ehr_id: record for (kind, ehr_id), record in page.included.items() if kind == "Schedule"}
    wanted = [ref.id for each in page.matches if (ref := reference(_only(each, "schedule"), server.base)).id]
    missing = [each for each in wanted if each and each not in found]
    if not missing:
        return found
    try:
        return found | await server.by_ids("Schedule", missing)
    except (FhirRefused, NoRights):
        losses.say("The EHR does not show whose schedule a slot is in.")
        return found


def _only(record: Resource, path: str) -> object:
    return next(iter(every(record, path)), None)
