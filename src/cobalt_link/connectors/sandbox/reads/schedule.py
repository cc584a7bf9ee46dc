"""The schedule of the sandbox EHR: appointments, blocked times, and open slots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cobalt_link.connector import (
    Appointment,
    AppointmentQuery,
    Block,
    Chart,
    DaysQuery,
    Mode,
    OffsetPages,
    Patient,
    Slot,
    SlotQuery,
    reads,
)
from cobalt_link.connectors.sandbox.reads.patients import phone_of
from cobalt_link.connectors.sandbox.reads.practice import Names, PracticeReads
from cobalt_link.connectors.sandbox.reads.rows import SEX, Row, changed_since, day, moment

MODE: dict[str, Mode] = {"office": "office", "video": "telemedicine"}
THEIR_MODE = {mode: theirs for theirs, mode in MODE.items()}
# A visit with one of these takes no time of its provider anymore.
OFF = ("CANC", "R/S", "NOSHOW")
MOST_DAYS = 366  # in one request
APPOINTMENTS = OffsetPages(size=1000)


class ScheduleReads(PracticeReads):
    """What is when."""

    @reads(
        "patient_mrn",
        "patient_ehr_id",
        "patient_name",
        "patient_phone",
        "appointment_mode",
        "include_note",
        "updated_since",
    )
    async def appointments(self, chart: Chart, query: AppointmentQuery) -> AsyncIterator[Appointment]:
        phone = phone_of(query.patient_phone)
        if phone == "" or query.end < query.start:
            return
        filters = {
            "patient_mrn": query.patient_mrn or None,
            "patient_id": query.patient_ehr_id or None,
            "patient_name": query.patient_name or None,
            "patient_phone": phone,
            "mode": THEIR_MODE[query.mode] if query.mode else None,
            "include": "progress_note" if query.include_note else None,
        }
        first, *later = [filters | {"start": start, "end": end} for start, end in spans(query.start, query.end)]
        # At once, because the rows have only the ids of their providers and locations.
        names, rows = await asyncio.gather(self.names(chart), self._appointments(chart, first))
        for asked in (None, *later):
            for row in rows if asked is None else await self._appointments(chart, asked):
                if query.updated_since is None or changed_since(row, query.updated_since):
                    yield appointment(row, names)

    async def _appointments(self, chart: Chart, asked: dict[str, Any]) -> list[Row]:
        found = self.api(chart).rows("/appointments", "appointments", asked, pages=APPOINTMENTS)
        return [row async for row in found]

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        found = await self.api(chart).find(f"/appointments/{quote(ehr_id, safe='')}")
        return appointment(found["appointment"], await self.names(chart)) if found else None

    @reads("provider_ehr_id")
    async def blocks(self, chart: Chart, query: DaysQuery) -> list[Block]:
        return [Block(**times(row), title=row["title"] or None) for row in await self._times(chart, "blocks", query)]

    @reads("provider_ehr_id", "title")
    async def slots(self, chart: Chart, query: SlotQuery) -> list[Slot]:
        places = {each.ehr_id: each.name for each in await self.locations(chart)}
        return [
            Slot(**times(row), title=row["title"] or None, location_name=places.get(row["location_id"]))
            for row in await self._times(chart, "slots", query, title=query.title)
        ]

    async def _times(self, chart: Chart, path: str, query: DaysQuery, **more: Any) -> list[Row]:
        found: list[Row] = []
        for start, end in spans(query.start_date, query.end_date):
            asked = {"start": start, "end": end, "provider_id": query.provider_ehr_id, **more}
            found += (await self.api(chart).get(f"/{path}", asked))[path]
        return found


def spans(start: date, end: date) -> list[tuple[date, date]]:
    """The days in pieces of at most as many as this EHR gives at once."""
    found = []
    while start <= end:
        last = min(end, start + timedelta(days=MOST_DAYS - 1))
        found.append((start, last))
        start = last + timedelta(days=1)
    return found


def times(row: Row) -> dict[str, Any]:
    """What a blocked time and an open slot have in common."""
    return {
        "ehr_id": row["id"],
        "start": datetime.fromisoformat(row["start"]),
        "end": datetime.fromisoformat(row["end"]),
        "provider_ehr_id": row["provider_id"] or None,
        "location_ehr_id": row["location_id"] or None,
    }


def appointment(row: Row, names: Names) -> Appointment:
    provider, location = names[0].get(row["provider_id"]), names[1].get(row["location_id"])
    theirs = row["patient"]
    return Appointment(
        ehr_id=row["id"],
        start=datetime.fromisoformat(row["start"]),
        patient=Patient(
            ehr_id=theirs["id"],
            mrn=theirs["mrn"],
            first_name=theirs["first_name"],
            last_name=theirs["last_name"],
            dob=day(theirs["dob"]),
            sex=SEX.get(theirs["sex"], "unknown"),
            phone=theirs["phone"] or None,
        ),
        duration=row["minutes"],
        status=row["status"] or None,
        cancelled=row["status"] in OFF,
        appointment_type=row["type"] or None,
        mode=MODE.get(row["mode"], "office"),
        location_ehr_id=row["location_id"] or None,
        location_name=location.name if location else None,
        reason=row["reason"] or None,
        complaint_type=row["complaint"] or None,
        provider_ehr_id=row["provider_id"] or None,
        provider_name=provider.name if provider else None,
        provider_npi=provider.npi if provider else None,
        secondary_provider_ehr_id=row["second_provider_id"] or None,
        diagnoses=tuple(row["diagnoses"]),
        medications=tuple(row["medications"]),
        note=row["note"] or None,
        progress_note=row.get("progress_note") or None,
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        **_insurance(row["insurance"]),
    )


def _insurance(rows: list[Row]) -> dict[str, Any]:
    ranked = {row["rank"]: row for row in rows}
    first, second = ranked.get(1, {}), ranked.get(2, {})
    return {
        "insurance": first.get("payer") or None,
        "insurance_number": first.get("member_id") or None,
        "insurance_group_number": first.get("group") or None,
        "insurance_subscriber": first.get("subscriber") or None,
        "secondary_insurance": second.get("payer") or None,
        "secondary_insurance_number": second.get("member_id") or None,
    }
