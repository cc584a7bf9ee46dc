"""Reads the sandbox EHR's chart into the unified records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Coded,
    Location,
    Patient,
    PatientQuery,
    Patients,
    PracticeSettings,
    Provider,
)
from cobalt_link.connectors.sandbox.wire import NotFound, Portal

Sex = Literal["male", "female", "unknown"]
Mode = Literal["office", "telemedicine"]
SEX: dict[str, Sex] = {"F": "female", "M": "male"}
MODE: dict[str, Mode] = {"office": "office", "video": "telemedicine"}
PAGE = 200
DAYS = 366
LEAST_DIGITS = 7


class Reader:
    """All reads of one open session."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def appointments(self, query: AppointmentQuery) -> list[Appointment]:
        phone = _digits(query.patient_phone)
        if phone == "":
            return []
        params = {
            "patient_mrn": query.patient_mrn,
            "patient_name": query.patient_name,
            "patient_phone": phone,
            "mode": {mode: theirs for theirs, mode in MODE.items()}[query.mode] if query.mode else None,
            "include": "progress_note" if query.include_note else None,
        }
        spans = [
            self._all("/api/appointments", "appointments", params | span, 1000)
            for span in _spans(query.start, query.end)
        ]
        names, found = await asyncio.gather(self._names(), asyncio.gather(*spans))
        return [_appointment(row, names) for rows in found for row in rows]

    async def appointment(self, ehr_id: str) -> Appointment | None:
        try:
            found = await self._portal.call("GET", f"/api/appointments/{quote(ehr_id, safe='')}")
        except NotFound:
            return None
        return _appointment(found["appointment"], await self._names())

    async def patients(self, query: PatientQuery) -> Patients:
        """One page; this EHR gives at most 200 at a time, so a longer one takes several calls."""
        phone = _digits(query.phone)
        if phone == "":
            return Patients(items=(), total=0)
        params = {
            "id": query.ehr_id,
            "mrn": query.mrn,
            "dob": query.dob.isoformat() if query.dob else None,
            "first_name": query.first_name,
            "last_name": query.last_name,
            "phone": phone,
        }
        items: list[Patient] = []
        total = query.offset + 1
        while len(items) < query.limit and query.offset + len(items) < total:
            page = {"offset": str(query.offset + len(items)), "limit": str(min(PAGE, query.limit - len(items)))}
            found = await self._portal.call("GET", "/api/patients", params=_given(params) | page)
            total = found["total"]
            items += [_patient(row) for row in found["patients"]]
            if not found["patients"]:
                break
        return Patients(items=tuple(items), total=total)

    async def providers(self) -> list[Provider]:
        found = await self._portal.call("GET", "/api/providers")
        return [_provider(row) for row in found["providers"]]

    async def locations(self) -> list[Location]:
        found = await self._portal.call("GET", "/api/locations")
        return [_location(row) for row in found["locations"]]

    async def settings(self) -> PracticeSettings:
        found = await self._portal.call("GET", "/api/settings")
        return PracticeSettings(
            timezone=found["timezone"],
            visit_types=_coded(found["visit_types"]),
            visit_statuses=_coded(found["visit_statuses"]),
            required_patient_fields=tuple(found["required_patient_fields"]),
        )

    async def _names(self) -> dict[str, Provider | Location]:
        """Providers and locations by a key each, since an appointment names them by id only."""
        providers, locations = await asyncio.gather(self.providers(), self.locations())
        named: dict[str, Provider | Location] = {f"p{each.ehr_id}": each for each in providers}
        return named | {f"l{each.ehr_id}": each for each in locations}

    async def _all(self, path: str, key: str, params: Mapping[str, str | None], limit: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            page = {"offset": str(len(rows)), "limit": str(limit)}
            found = await self._portal.call("GET", path, params=_given(params) | page)
            rows += found[key]
            if len(rows) >= found["total"] or not found[key]:
                return rows


def _given(params: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in params.items() if value}


def _spans(start: date, end: date) -> Iterator[dict[str, str]]:
    """The days in pieces of at most as many as this EHR gives at once."""
    while start <= end:
        last = min(end, start + timedelta(days=DAYS - 1))
        yield {"start": start.isoformat(), "end": last.isoformat()}
        start = last + timedelta(days=1)


def _digits(phone: str | None) -> str | None:
    """A phone as this EHR compares it, without country code; "" for one too short to be anybody's."""
    if phone is None:
        return None
    digits = "".join(each for each in phone if each in "0123456789")[-10:]
    return digits if len(digits) >= LEAST_DIGITS else ""


def _coded(rows: list[dict[str, Any]]) -> tuple[Coded, ...]:
    return tuple(Coded(code=row["code"], description=row["description"]) for row in rows)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _patient(row: dict[str, Any]) -> Patient:
    address, phones = row["address"], row["phones"]
    return Patient(
        ehr_id=row["id"],
        mrn=row["mrn"],
        first_name=row["first_name"],
        middle_name=row["middle_name"] or None,
        last_name=row["last_name"],
        dob=_day(row["dob"]),
        sex=SEX.get(row["sex"], "unknown"),
        phone=phones["home"] or phones["mobile"] or None,
        cell_phone=phones["mobile"] or None,
        email=row["email"] or None,
        address_street=address["street"] or None,
        address_line2=address["line2"] or None,
        address_city=address["city"] or None,
        address_state=address["state"] or None,
        address_zip=address["zip"] or None,
    )


def _provider(row: dict[str, Any]) -> Provider:
    return Provider(
        ehr_id=row["id"],
        name=f"{row['last_name']}, {row['first_name']}",
        npi=row["npi"] or None,
        active=row["active"],
        timezone=row["timezone"],
    )


def _location(row: dict[str, Any]) -> Location:
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


def _appointment(row: dict[str, Any], names: dict[str, Provider | Location]) -> Appointment:
    patient = row["patient"]
    provider, location = names.get(f"p{row['provider_id']}"), names.get(f"l{row['location_id']}")
    return Appointment(
        ehr_id=row["id"],
        start=datetime.fromisoformat(row["start"]),
        duration=row["minutes"],
        status=row["status"] or None,
        appointment_type=row["type"] or None,
        mode=MODE.get(row["mode"], "office"),
        location_ehr_id=row["location_id"] or None,
        location_name=location.name if location else None,
        reason=row["reason"] or None,
        complaint_type=row["complaint"] or None,
        patient=Patient(
            ehr_id=patient["id"],
            mrn=patient["mrn"],
            first_name=patient["first_name"],
            last_name=patient["last_name"],
            dob=_day(patient["dob"]),
            sex=SEX.get(patient["sex"], "unknown"),
            phone=patient["phone"] or None,
        ),
        provider_ehr_id=row["provider_id"] or None,
        provider_name=provider.name if provider else None,
        provider_npi=provider.npi if isinstance(provider, Provider) else None,
        secondary_provider_ehr_id=row["second_provider_id"] or None,
        diagnoses=tuple(row["diagnoses"]),
        medications=tuple(row["medications"]),
        note=row["note"] or None,
        progress_note=row.get("progress_note") or None,
        created_at=datetime.fromisoformat(row["created_at"]) if row["created_at"] else None,
        **_insurance(row["insurance"]),
    )


def _insurance(rows: list[dict[str, Any]]) -> dict[str, str | None]:
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
