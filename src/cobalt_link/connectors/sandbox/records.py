"""The sandbox EHR's rows as unified records."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from cobalt_link.connector import (
    Appointment,
    Coded,
    Location,
    Mode,
    Patient,
    PracticeSettings,
    Provider,
    Sex,
    Shift,
)

SEX: dict[str, Sex] = {"F": "female", "M": "male"}
MODE: dict[str, Mode] = {"office": "office", "video": "telemedicine"}
THEIR_MODE = {mode: theirs for theirs, mode in MODE.items()}
Locations = dict[str, Location]
Names = tuple[dict[str, Provider], Locations]


def patient(row: dict[str, Any]) -> Patient:
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


def settings(said: dict[str, Any]) -> PracticeSettings:
    return PracticeSettings(
        timezone=said["timezone"],
        visit_types=_coded(said["visit_types"]),
        visit_statuses=_coded(said["visit_statuses"]),
        required_patient_fields=tuple(said["required_patient_fields"]),
    )


def appointment(row: dict[str, Any], names: Names) -> Appointment:
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
            dob=_day(theirs["dob"]),
            sex=SEX.get(theirs["sex"], "unknown"),
            phone=theirs["phone"] or None,
        ),
        duration=row["minutes"],
        status=row["status"] or None,
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


def _coded(rows: list[dict[str, Any]]) -> tuple[Coded, ...]:
    return tuple(Coded(code=row["code"], description=row["description"]) for row in rows)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
