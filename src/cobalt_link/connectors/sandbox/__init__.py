"""The sandbox EHR: made-up patients behind a real login, with every second factor and every refusal on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import ClassVar
from urllib.parse import quote

from cobalt_link.connector import (
    Appointment,
    AppointmentQuery,
    Ask,
    Chart,
    Connector,
    EhrInstance,
    Grant,
    JsonClient,
    Location,
    OffsetPages,
    PatientQuery,
    Patients,
    PracticeSettings,
    Provider,
    TestLogin,
    digits,
)
from cobalt_link.connectors.sandbox import lab, records, sign_in
from cobalt_link.connectors.sandbox.api import api_of
from cobalt_link.connectors.sandbox.writes import WRITINGS

PAGE = 200  # patients
DAYS = 366  # in one request for appointments
APPOINTMENTS = OffsetPages(size=1000)
LEAST_DIGITS = 7


class Sandbox(Connector):
    """Speaks the JSON API of `sandbox_ehr`; see docs/reference/sandbox-ehr.md."""

    faults: ClassVar = lab.FAULTS
    writings = WRITINGS

    async def recognize(self, instance: EhrInstance) -> None:
        # Without a session this EHR answers with a code of its own.
        await api_of(self.http, instance).ping("/me", code="session_expired")

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        return await sign_in.sign_in(ask, api_of(self.http, instance))

    async def sign_out(self, chart: Chart) -> None:
        await self._api(chart).post("/logout")

    async def appointments(self, chart: Chart, query: AppointmentQuery) -> AsyncIterator[Appointment]:
        api, phone = self._api(chart), phone_of(query.patient_phone)
        if phone == "":
            return
        filters = {
            "patient_mrn": query.patient_mrn or None,
            "patient_name": query.patient_name or None,
            "patient_phone": phone,
            "mode": records.THEIR_MODE[query.mode] if query.mode else None,
            "include": "progress_note" if query.include_note else None,
        }
        names = await self._names(chart)
        for start, end in spans(query.start, query.end):
            days = {"start": start, "end": end}
            async for row in api.rows("/appointments", "appointments", filters | days, pages=APPOINTMENTS):
                yield records.appointment(row, names)

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        found = await self._api(chart).find(f"/appointments/{quote(ehr_id, safe='')}")
        return records.appointment(found["appointment"], await self._names(chart)) if found else None

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        """This EHR gives at most 200 patients at a time, so a longer page takes several calls."""
        phone = phone_of(query.phone)
        if phone == "":
            return Patients(items=(), total=0)
        filters = {
            "id": query.ehr_id or None,
            "mrn": query.mrn or None,
            "dob": query.dob,
            "first_name": query.first_name or None,
            "last_name": query.last_name or None,
            "phone": phone,
        }
        rows, total = [], query.offset + 1
        while len(rows) < query.limit and query.offset + len(rows) < total:
            page = {"offset": query.offset + len(rows), "limit": min(PAGE, query.limit - len(rows))}
            found = await self._api(chart).get("/patients", filters | page)
            rows, total = rows + found["patients"], found["total"]
            if not found["patients"]:
                break
        return Patients(items=tuple(map(records.patient, rows)), total=total)

    async def providers(self, chart: Chart) -> list[Provider]:
        return [*(await self._names(chart))[0].values()]

    async def locations(self, chart: Chart) -> list[Location]:
        return [records.location(row) for row in (await self._api(chart).get("/locations"))["locations"]]

    async def settings(self, chart: Chart) -> PracticeSettings:
        return records.settings(await self._api(chart).get("/settings"))

    async def new_login(self, instance: EhrInstance) -> TestLogin:
        return await lab.new_login(self.http, instance)

    async def break_login(self, instance: EhrInstance, username: str, fault: str) -> None:
        await lab.break_login(self.http, instance, username, fault)

    async def repair_login(self, instance: EhrInstance, username: str) -> None:
        await lab.repair_login(self.http, instance, username)

    def _api(self, chart: Chart) -> JsonClient:
        return api_of(self.http, chart.instance, chart.session)

    async def _names(self, chart: Chart) -> records.Names:
        """Providers and locations by id. Appointments and working hours have their ids only."""
        found, locations = await asyncio.gather(self._api(chart).get("/providers"), self.locations(chart))
        places = {each.ehr_id: each for each in locations}
        return {row["id"]: records.provider(row, places) for row in found["providers"]}, places


def spans(start: date, end: date) -> list[tuple[date, date]]:
    """The days in pieces of at most as many as this EHR gives at once."""
    found = []
    while start <= end:
        last = min(end, start + timedelta(days=DAYS - 1))
        found.append((start, last))
        start = last + timedelta(days=1)
    return found


def phone_of(phone: str | None) -> str | None:
    """A phone as this EHR compares it, without the country code. "" for one that is too short to be anybody's."""
    if phone is None:
        return None
    short = digits(phone)[-10:]
    return short if len(short) >= LEAST_DIGITS else ""


connector = Sandbox
