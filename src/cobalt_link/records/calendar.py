"""What the EHR says on some days: who works, what is booked, what is blocked, what is kept open."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Block,
    DaysQuery,
    Provider,
    Slot,
    SlotQuery,
)
from cobalt_link.connector.models.reading import listed
from cobalt_link.records import schedule
from cobalt_link.records.engine import Ids, RecordsEngine, Source
from cobalt_link.records.ids import Named

DAY = timedelta(days=1)


class Calendar(msgspec.Struct, frozen=True):
    """`zone` is the practice's time zone, if the EHR names one."""

    providers: list[Provider]
    appointments: list[Appointment]
    blocks: list[Block]
    slots: list[Slot]
    zone: str | None = None


class CalendarWanted(msgspec.Struct, frozen=True, kw_only=True):
    """The days, and whether open slots are needed: all, or those of one title."""

    first: date
    last: date
    slots: bool
    title: str | None = None


async def read_calendar(
    engine: RecordsEngine, account: Account, wanted: CalendarWanted, org_zone: str | None, capped: list[str]
) -> tuple[Calendar, Ids]:
    """The calendar of the days, with our ids of its providers and locations. `capped` gets the reasons of an EHR that
    has more than it gives."""
    blocks, zones = engine.offers(account, "blocks"), list[str | None]()
    by_title = wanted.slots and "title" in (engine.declared(account, "slots") or ())

    async def step(connector: Any, chart: Chart) -> tuple[list[Any], ...]:
        capped.clear()  # a session that was renewed reads again
        zones.append(chart.zone)
        # A visit of the evening before may last until the first day, and the EHR may count its days in another zone.
        days = {"start_date": wanted.first - DAY, "end_date": wanted.last + DAY}
        query = AppointmentQuery(start=wanted.first - DAY, end=wanted.last + DAY)
        slots = SlotQuery(**days, title=wanted.title if by_title else None)
        return (
            await listed(connector.providers(chart)),
            await schedule.appointments(connector, chart, query, frozenset(), org_zone, capped),
            await listed(connector.blocks(chart, DaysQuery(**days))) if blocks else [],
            [each for each in await listed(connector.slots(chart, slots)) if _titled(each, wanted.title)]
            if wanted.slots
            else [],
        )

    source: Source[tuple[list[Any], ...]] = Source("providers", _named)
    (providers, appointments, blocked, slots), ids = await engine.read(account, source, step)
    zone = zones[-1] or next((each.timezone for each in providers if each.timezone), None)
    return Calendar(providers, appointments, blocked, slots, zone), ids


def _named(found: tuple[list[Any], ...]) -> list[Named]:
    providers, _, _, slots = found
    places = {shift.location_ehr_id for each in providers for shift in each.hours}
    places |= {each.location_ehr_id for each in slots}
    return [("provider", each.ehr_id) for each in providers] + [("location", each) for each in places if each]


def _titled(slot: Slot, title: str | None) -> bool:
    return title is None or (slot.title or "").casefold() == title.casefold()
