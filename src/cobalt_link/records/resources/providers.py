"""Providers: who works at the practice, in the contract's shape (§4.3)."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.capabilities import ReadsProviders, listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Provider, Shift
from cobalt_link.records.engine import Ids, RecordsEngine, Resource

RESOURCE: Resource[list[Provider]] = Resource("providers", lambda found: [("provider", each.ehr_id) for each in found])


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class Recurrence(msgspec.Struct, frozen=True):
    """How often a shift comes back. EHRs tell the hours of a week."""

    recur_interval_type: str = "weeks"
    recur_interval_amount: str = "1"
    recur_interval_description: str = "Every 1 week."


class ShiftView(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `end` are the practice's time, such as T08:00:00. `facility_id` is the EHR's id of the location."""

    start: str
    end: str
    facility_id: str | None
    facility_name: str | None
    recurrence: Recurrence = Recurrence()


class DayView(msgspec.Struct, frozen=True):
    """The shifts of one day of the week."""

    day: Day
    shifts: list[ShiftView]


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id. `hours` are empty if the EHR does not keep them."""

    id: str
    ehr_id: str
    name: str
    npi: str | None
    timezone: str | None
    status: Literal["active", "inactive"]
    hide_in_availability: bool = False
    hours: list[DayView]


class ProvidersAnswer(msgspec.Struct, frozen=True):
    providers: list[ProviderView]
    success: bool = True


async def read(reads: RecordsEngine, account: Account) -> ProvidersAnswer:
    async def step(connector: ReadsProviders, chart: Chart) -> list[Provider]:
        found = await listed(connector.providers(chart))
        return [msgspec.structs.replace(each, timezone=each.timezone or chart.zone) for each in found]

    found, ids = await reads.read(account, RESOURCE, step)
    zone = (await reads.org_settings(account)).time_zone
    return ProvidersAnswer([view(each, ids, zone) for each in found])


def view(provider: Provider, ids: Ids, zone: str | None) -> ProviderView:
    return ProviderView(
        id=ids["provider", provider.ehr_id],
        ehr_id=provider.ehr_id,
        name=provider.name,
        npi=provider.npi,
        timezone=zone or provider.timezone,
        status="active" if provider.active else "inactive",
        hours=_hours(provider),
    )


def _hours(provider: Provider) -> list[DayView]:
    ordered = sorted(provider.hours, key=lambda shift: (shift.weekday, shift.start))
    days = groupby(ordered, key=lambda shift: shift.weekday)
    return [DayView(DAYS[weekday - 1], [_shift(each) for each in shifts]) for weekday, shifts in days]


def _shift(shift: Shift) -> ShiftView:
    return ShiftView(
        start=f"T{shift.start:%H:%M:%S}",
        end=f"T{shift.end:%H:%M:%S}",
        facility_id=shift.location_ehr_id,
        facility_name=shift.location_name,
    )
