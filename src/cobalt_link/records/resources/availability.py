"""Availability: when providers are free, in the contract's shape (§4.6). What is free is computed in `free_time`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.connector.models import Appointment, Block, Provider, Slot
from cobalt_link.records.asked import FirstDay, LastDay, Text
from cobalt_link.records.calendar import Calendar, CalendarWanted, read_calendar
from cobalt_link.records.days import MissingParameters, span
from cobalt_link.records.engine import Ids, RecordsEngine
from cobalt_link.records.free_time import Rules, Span, Taken, free, hours_on, is_full, untouched
from cobalt_link.records.overlays import NOTHING, Overlay
from cobalt_link.records.resource import LIVE, ResourceRoute
from cobalt_link.records.resources.providers import hours_of, status_of
from cobalt_link.records.times import aware, zone_of
from cobalt_link.records.working_hours import WorkingShift
from cobalt_link.web.problems import InvalidRequest, Problem

MOST_DAYS = 366
VISIT = timedelta(minutes=30)  # of an appointment whose duration the EHR does not say
DAY = timedelta(days=1)
# For a provider without hours, if the app asks for that: Monday to Friday, 8 to 5.
DEFAULT_HOURS = tuple(WorkingShift(weekday=weekday, start=time(8), end=time(17)) for weekday in range(1, 6))


class TimeZoneUnknown(Problem):
    """Neither the EHR nor your org says in which time zone the practice is. Set time_zone with PATCH
    /v1/orgs/{org_id}."""

    code = "time_zone_unknown"
    status = 400


class AvailabilityAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both days are required, and are days of the practice. At most 366 days."""

    start_date: FirstDay = None
    end_date: LastDay = None
    provider_type: Annotated[
        Literal["primary", "secondary"], Meta(description="In which role visits take time of a provider.")
    ] = "primary"
    fallback_to_default_hours: Annotated[
        bool, Meta(description="Monday to Friday from 8 to 17 for providers without hours.")
    ] = False
    calculation_method: Annotated[
        Literal["gaps", "slots"], Meta(description="Free working hours, or the practice's open slots.")
    ] = "gaps"
    slot_type: Annotated[Text, Meta(description="Only slots of that title, in any case.")] = None
    buffer: Annotated[int, Meta(ge=0, le=59, description="Minutes after visits of visit_type.")] = 0
    visit_type: Annotated[Text, Meta(description="A code of GET /v1/visit-types, or all.")] = None
    daily_appointment_limit: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="With so many visits of daily_limit_type, a day is full.")
    ] = None
    daily_limit_type: Annotated[Text, Meta(description="A visit type. Goes with daily_appointment_limit.")] = None
    max_slot_duration: Annotated[
        Annotated[int, Meta(ge=1, le=1440)] | None, Meta(description="Minutes. Longer times are divided.")
    ] = None
    facility_scoped_scheduling: Annotated[
        bool, Meta(description="A visit at one facility leaves hours at another free.")
    ] = False
    provider_ids: Annotated[list[str] | None, Meta(description="The EHR's ids, or ours: `a,b`.")] = None
    location_ids: Annotated[
        list[str] | None, Meta(description="The EHR's ids, or ours. Times without a facility are left out.")
    ] = None


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """`day_of_week` is 0 for Sunday to 6 for Saturday. `provider_id` and `facility_id` are the EHR's ids."""

    day_of_week: int
    date: date
    duration_string: str
    range_start: str
    range_end: str
    provider_id: str
    provider_name: str
    facility_id: str | None
    facility_name: str | None
    timezone_abbr: str | None


class Openings(msgspec.Struct, frozen=True):
    availability: list[Opening]


class AvailabilityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`timezone` is the practice's. `partial` says that the EHR has more than it gives, `partial_reason` why."""

    results: Openings
    timezone: str
    partial: bool = False
    partial_reason: str | None = None
    success: bool = True


async def read(engine: RecordsEngine, account: Account, asked: AvailabilityAsked) -> AvailabilityAnswer:
    rules = rules_of(asked)
    first, last = span(asked.start_date, asked.end_date)
    if last - first >= MOST_DAYS * DAY:
        raise InvalidRequest(f"Ask for at most {MOST_DAYS} days at once.")
    slots = asked.calculation_method == "slots"
    for capability in ("providers", "appointments", *(("slots",) if slots else ())):
        engine.declared(account, capability)
    settings, capped = await engine.org_settings(account), list[str]()
    wanted = CalendarWanted(first=first, last=last, slots=slots, title=asked.slot_type)
    found, ids = await read_calendar(engine, account, wanted, settings.time_zone, capped)
    zone = zone_of(settings.time_zone or found.zone)
    if zone is None:
        raise TimeZoneUnknown
    overlays = await engine.overlays.of(account, "provider", [ids["provider", each.ehr_id] for each in found.providers])
    days = [first + number * DAY for number in range((last - first).days + 1)]
    openings = [
        opening
        for provider, overlay in _asked_for(found.providers, ids, overlays, asked.provider_ids)
        for opening in _openings(found, provider, overlay, days, (asked, rules, zone, _facilities(ids, asked)))
    ]
    openings.sort(key=lambda each: (each.range_start[:10], each.provider_name, each.provider_id, each.range_start))
    reason = " ".join(dict.fromkeys(capped)) or None
    return AvailabilityAnswer(
        results=Openings(openings), timezone=zone.key, partial=bool(reason), partial_reason=reason
    )


def rules_of(asked: AvailabilityAsked) -> Rules:
    """Raises InvalidRequest if one of two parameters that belong together is missing."""
    if (asked.daily_appointment_limit is None) != (asked.daily_limit_type is None):
        raise InvalidRequest("Send daily_appointment_limit and daily_limit_type together.")
    every = asked.visit_type is None or asked.visit_type.casefold() == "all"
    return Rules(
        buffer=timedelta(minutes=asked.buffer),
        buffered=None if every else asked.visit_type,
        most=asked.daily_appointment_limit,
        limited=asked.daily_limit_type,
        longest=timedelta(minutes=asked.max_slot_duration) if asked.max_slot_duration else None,
        by_facility=asked.facility_scoped_scheduling,
    )


def _asked_for(
    providers: Iterable[Provider], ids: Ids, overlays: Any, wanted: Sequence[str] | None
) -> Iterator[tuple[Provider, Overlay]]:
    chosen = {each.lower() for each in wanted or ()}
    for provider in providers:
        our_id = ids["provider", provider.ehr_id]
        overlay = overlays.get(our_id, NOTHING)
        hidden = overlay.hide_in_availability or status_of(provider, overlay) == "inactive"
        if not hidden and (wanted is None or {our_id, provider.ehr_id.lower()} & chosen):
            yield provider, overlay


def _facilities(ids: Ids, asked: AvailabilityAsked) -> frozenset[str] | None:
    """The EHR's ids of the facilities that were asked for. None is all of them."""
    if asked.location_ids is None:
        return None
    ours = {our_id: ehr_id for (kind, ehr_id), our_id in ids.items() if kind == "location"}
    return frozenset(ours.get(each.lower(), each) for each in asked.location_ids)


def _openings(
    found: Calendar, provider: Provider, overlay: Overlay, days: Sequence[date], how: tuple[Any, ...]
) -> Iterator[Opening]:
    asked, rules, zone, facilities = how
    hours = hours_of(provider, overlay) or (DEFAULT_HOURS if asked.fallback_to_default_hours else ())
    taken = [*_booked(found.appointments, provider, asked.provider_type, zone), *_blocked(found.blocks, provider, zone)]
    slots = [_slot(each, zone) for each in found.slots if each.provider_ehr_id == provider.ehr_id]
    for day in days:
        if is_full(day, taken, zone, rules):
            continue
        if asked.calculation_method == "slots":
            spans = untouched([each for each in slots if each.start.astimezone(zone).date() == day], taken, rules)
        else:
            spans = free(hours_on(day, hours, zone), taken, rules)
        for each in spans:
            if facilities is None or each.facility_id in facilities:
                yield opening(each, day, provider, zone)


def _booked(appointments: Iterable[Appointment], provider: Provider, role: str, zone: ZoneInfo) -> Iterator[Taken]:
    for each in appointments:
        whose = each.provider_ehr_id if role == "primary" else each.secondary_provider_ehr_id
        if whose == provider.ehr_id and each.start and not each.cancelled:
            start = aware(each.start, zone)
            length = VISIT if each.duration is None else timedelta(minutes=each.duration)
            yield Taken(
                start=start,
                end=start + length,
                facility_id=each.location_ehr_id,
                visit_type=each.appointment_type or "",
            )


def _blocked(blocks: Iterable[Block], provider: Provider, zone: ZoneInfo) -> Iterator[Taken]:
    for each in blocks:
        if each.provider_ehr_id in (None, provider.ehr_id):
            yield Taken(start=aware(each.start, zone), end=aware(each.end, zone), facility_id=each.location_ehr_id)


def _slot(slot: Slot, zone: ZoneInfo) -> Span:
    return Span(aware(slot.start, zone), aware(slot.end, zone), slot.location_ehr_id, slot.location_name)


def opening(each: Span, day: date, provider: Provider, zone: ZoneInfo) -> Opening:
    start, end = each.start.astimezone(zone), each.end.astimezone(zone)
    last, _, first = provider.name.partition(", ")
    return Opening(
        day_of_week=day.isoweekday() % 7,
        date=day,
        duration_string=duration(each.end - each.start),
        range_start=start.isoformat(timespec="milliseconds"),
        range_end=end.isoformat(timespec="milliseconds"),
        provider_id=provider.ehr_id,
        provider_name=f"{first} {last}".strip(),
        facility_id=each.facility_id,
        facility_name=each.facility_name,
        timezone_abbr=start.tzname(),
    )


def duration(length: timedelta) -> str:
    """ "9h", "1h 30m", "45m"."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    return " ".join(
        part for part in (f"{hours}h" if hours else "", f"{minutes}m" if minutes or not hours else "") if part
    )


ENDPOINTS = (
    ResourceRoute(
        name="list_availability",
        path="/v1/availability",
        run=read,
        asked=AvailabilityAsked,
        answer=AvailabilityAnswer,
        errors=(*LIVE, InvalidRequest, MissingParameters, TimeZoneUnknown),
        summary="Read when providers are free.",
    ),
)
