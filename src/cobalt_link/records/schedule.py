"""Reads the appointments of some days from any connector.

Days are the practice's. What the EHR lacks is done here: filters, more days than it gives at once, notes by id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.matching import matches_appointment
from cobalt_link.connector.models import Appointment, AppointmentQuery, FindsAppointments, ReadsAppointments
from cobalt_link.connector.models.reading import Capped, streamed
from cobalt_link.records.days import parts
from cobalt_link.records.times import aware, zone_of

# An EHR that cannot read one appointment by its id is searched for it in so many days before and after today.
AROUND = timedelta(days=92)
# Our name of each filter, and the field of the query.
FIELDS = {
    "patient_mrn": "patient_mrn",
    "patient_ehr_id": "patient_ehr_id",
    "patient_name": "patient_name",
    "patient_phone": "patient_phone",
    "appointment_mode": "mode",
}


class Schedule(ReadsAppointments, Protocol):
    """A connector that reads appointments."""

    manifest: ClassVar[Manifest]


async def appointments(
    connector: Schedule,
    chart: Chart,
    wanted: AppointmentQuery,
    ours: frozenset[str],
    org_zone: str | None,
    capped: list[str] | None = None,
) -> list[Appointment]:
    """Those that start on the wanted days, as they are counted in `org_zone`, else in the grant's zone, else by the
    EHR. The filters in `ours` are applied here, the others by the EHR. `capped` gets the reasons of an EHR that has
    more than it gives."""
    sent = msgspec.structs.replace(wanted, **{FIELDS[name]: None for name in ours})
    if org_zone or chart.zone:
        # The EHR may begin its days up to a day earlier or later than the zone does.
        day = timedelta(days=1)
        sent = msgspec.structs.replace(sent, start=sent.start - day, end=sent.end + day)
    found = placed(_in_parts(connector, chart, sent, capped), chart, org_zone)
    return [
        each
        async for each in found
        if each.start
        and wanted.start <= each.start.date() <= wanted.end
        and (not ours or matches_appointment(each, wanted))
    ]


async def appointment(
    connector: Schedule, chart: Chart, ehr_id: str, org_zone: str | None, *, note: bool = False
) -> Appointment | None:
    """By the EHR's id: from the EHR's own look-up, else searched in the days around today.

    A look-up that gives no progress note may still have one in the list. With `note`, that list is read too.
    """
    async for each in placed(_candidates(connector, chart, ehr_id), chart, org_zone):
        if each.ehr_id == ehr_id:
            return await _with_note(connector, chart, each, org_zone) if note and not each.progress_note else each
    return None


async def some(connector: Schedule, chart: Chart, ehr_ids: Collection[str], org_zone: str | None) -> list[Appointment]:
    """Those of these appointments that the EHR still has. An EHR without a look-up is read once for all of them."""
    if has_lookup(connector):
        found = [await appointment(connector, chart, each, org_zone) for each in ehr_ids]
        return [each for each in found if each]
    return [each async for each in placed(_candidates(connector, chart, ""), chart, org_zone) if each.ehr_id in ehr_ids]


def has_lookup(connector: object) -> bool:
    """Whether the EHR can read one appointment by its id. If not, one that is not found may still exist."""
    return isinstance(connector, FindsAppointments)


async def _with_note(connector: Schedule, chart: Chart, found: Appointment, org_zone: str | None) -> Appointment:
    if found.start is None:
        return found  # it is in no list of days
    day = found.start.date()
    by_mrn = found.patient.mrn and "patient_mrn" in connector.manifest.offering(chart.offers).reads["appointments"]
    query = AppointmentQuery(start=day, end=day, patient_mrn=found.patient.mrn if by_mrn else None, include_note=True)
    listed = await appointments(connector, chart, query, frozenset(), org_zone)
    return next((each for each in listed if each.ehr_id == found.ehr_id), found)


async def _in_parts(
    connector: Schedule, chart: Chart, query: AppointmentQuery, capped: list[str] | None = None
) -> AsyncIterator[Appointment]:
    """In parts of as many days as the EHR is asked for at once. An EHR that is not exact at the edges repeats none."""
    before: set[str] = set()
    days = connector.manifest.offering(chart.offers).appointment_days
    for start, end in parts(query.start, query.end, days):
        part = msgspec.structs.replace(query, start=start, end=end)
        here: list[str] = []
        try:
            async for each in streamed(connector.appointments(chart, part)):
                if each.ehr_id not in before:
                    here.append(each.ehr_id)
                    yield each
        except Capped as reason:
            if capped is not None:
                capped.append(str(reason))
        before.update(here)


async def _candidates(connector: Schedule, chart: Chart, ehr_id: str) -> AsyncIterator[Appointment]:
    if isinstance(connector, FindsAppointments):
        if found := await connector.appointment(chart, ehr_id):
            yield found
        return
    today = datetime.now(UTC).date()
    query = AppointmentQuery(start=today - AROUND, end=today + AROUND)
    async for each in _in_parts(connector, chart, query):
        yield each


async def placed(found: AsyncIterator[Appointment], chart: Chart, org_zone: str | None) -> AsyncIterator[Appointment]:
    """Appointments in the practice's time: in `org_zone`, else in the grant's zone, else as the EHR gives them."""
    practice, shown = zone_of(chart.zone or org_zone), zone_of(org_zone or chart.zone)
    async for each in found:
        start, created, updated = each.start, each.created_at, each.updated_at
        if start is not None:
            start = aware(start, practice).astimezone(shown) if shown else aware(start, practice)
        created = aware(created, practice) if created else created
        updated = aware(updated, practice) if updated else updated
        if start is each.start and created is each.created_at and updated is each.updated_at:
            yield each  # as most are: an EHR that knows its zone gives times in it
        else:
            yield msgspec.structs.replace(each, start=start, created_at=created, updated_at=updated)
