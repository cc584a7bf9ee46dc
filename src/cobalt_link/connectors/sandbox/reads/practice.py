"""The practice in the sandbox EHR: providers, locations, settings, and the lists to choose from."""

from __future__ import annotations

import asyncio
from datetime import time
from typing import Any

from cobalt_link.connector import (
    Chart,
    Coded,
    DocumentFolder,
    Location,
    PaymentMethod,
    Pharmacy,
    PhoneCallType,
    PracticeSettings,
    Provider,
    Shift,
    StaffMember,
    reads,
)
from cobalt_link.connectors.sandbox.reads.rows import ChartRows, Row

Locations = dict[str, Location]
Names = tuple[dict[str, Provider], Locations]


class PracticeReads(ChartRows):
    """Who and what the practice is."""

    @reads()
    async def providers(self, chart: Chart) -> list[Provider]:
        return [*(await self.names(chart))[0].values()]

    @reads()
    async def locations(self, chart: Chart) -> list[Location]:
        return [location(row) for row in (await self.api(chart).get("/locations"))["locations"]]

    @reads()
    async def settings(self, chart: Chart) -> PracticeSettings:
        return settings(await self.api(chart).get("/settings"))

    @reads()
    async def document_folders(self, chart: Chart) -> list[DocumentFolder]:
        rows = await self._choices(chart, "document-folders")
        return [DocumentFolder(ehr_id=row["id"], name=row["name"]) for row in rows]

    @reads()
    async def phone_call_types(self, chart: Chart) -> list[PhoneCallType]:
        return [PhoneCallType(ehr_id=row["id"], name=row["name"]) for row in await self._choices(chart, "call-types")]

    @reads()
    async def payment_methods(self, chart: Chart) -> list[PaymentMethod]:
        rows = await self._choices(chart, "payment-methods")
        return [PaymentMethod(ehr_id=row["id"], name=row["name"]) for row in rows]

    @reads()
    async def ehr_users(self, chart: Chart) -> list[StaffMember]:
        return [
            StaffMember(ehr_id=row["id"], name=row["name"], username=row["username"] or None, role=row["role"] or None)
            for row in await self._choices(chart, "users")
        ]

    @reads()
    async def pharmacies(self, chart: Chart) -> list[Pharmacy]:
        return [pharmacy(row) for row in await self._choices(chart, "pharmacies")]

    async def names(self, chart: Chart) -> Names:
        """Providers and locations by id. Appointments and working hours have their ids only."""
        found, listed = await asyncio.gather(self.api(chart).get("/providers"), self.locations(chart))
        places = {each.ehr_id: each for each in listed}
        return {row["id"]: provider(row, places) for row in found["providers"]}, places

    async def _choices(self, chart: Chart, path: str) -> list[Row]:
        return (await self.api(chart).get(f"/{path}"))[path.replace("-", "_")]


def provider(row: dict[str, Any], places: Locations) -> Provider:
    return Provider(
        ehr_id=row["id"],
        name=f"{row['last_name']}, {row['first_name']}",
        npi=row["npi"] or None,
        active=row["active"],
        timezone=row["timezone"],
        hours=tuple(_shift(each, places) for each in row["hours"]),
    )


def _shift(row: dict[str, Any], places: Locations) -> Shift:
    place = places.get(row["location_id"])
    return Shift(
        weekday=row["weekday"],
        start=time.fromisoformat(row["start"]),
        end=time.fromisoformat(row["end"]),
        location_ehr_id=row["location_id"] or None,
        location_name=place.name if place else None,
    )


def location(row: dict[str, Any]) -> Location:
    address = row["address"]
    return Location(
        ehr_id=row["id"],
        name=row["name"],
        active=row["active"],
        address1=address["street"] or None,
        address2=address["line2"] or None,
        city=address["city"] or None,
        state=address["state"] or None,
        zip=address["zip"] or None,
        phone=row["phone"] or None,
        fax=row["fax"] or None,
    )


def pharmacy(row: Row) -> Pharmacy:
    address = row["address"]
    return Pharmacy(
        ehr_id=row["id"],
        name=row["name"],
        active=row["active"],
        address1=address["street"] or None,
        city=address["city"] or None,
        state=address["state"] or None,
        zip=address["zip"] or None,
        phone=row["phone"] or None,
        fax=row["fax"] or None,
        email=row["email"] or None,
    )


def settings(said: dict[str, Any]) -> PracticeSettings:
    return PracticeSettings(
        timezone=said["timezone"],
        visit_types=_coded(said["visit_types"]),
        visit_statuses=_coded(said["visit_statuses"]),
        required_patient_fields=tuple(said["required_patient_fields"]),
    )


def _coded(rows: list[dict[str, Any]]) -> tuple[Coded, ...]:
    return tuple(Coded(code=row["code"], description=row["description"]) for row in rows)
