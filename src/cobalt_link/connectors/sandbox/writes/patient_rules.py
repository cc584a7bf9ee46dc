"""What the EHR would say to a patient, told by what it lists. Nothing is sent that changes the chart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cobalt_link.connector import JsonClient, NewPatient, NotWritten, PatientChange, Reason
from cobalt_link.connectors.sandbox.writes import patient_plans
from cobalt_link.connectors.sandbox.writes.fields import Row
from cobalt_link.connectors.sandbox.writes.people import people
from cobalt_link.connectors.sandbox.writes.refused import Names, invalid, missing, reason, unknown
from cobalt_link.connectors.sandbox.writes.rules import PHONE, STATE, ZIP, misspelled, too_long

LONGEST = 200
PATTERNS = {"phone": PHONE, "cell_phone": PHONE, "address_zip": ZIP, "address_state": STATE}
TEXTS = {
    "phone": "Send the phone as 222-333-4444.",
    "cell_phone": "Send the phone as 222-333-4444.",
    "address_zip": "Send the ZIP code as 85004 or 85004-1234.",
    "address_state": "Send the two letters of the state.",
}
ANYWHERE = ("email", "address_street", "address_line2", "address_city")
NEW = ("first_name", "middle_name", "last_name", "no_email_reason")


async def check_new(api: JsonClient, write: NewPatient, names: Names) -> None:
    settings = await api.get("/settings")
    reasons = [*_missing(write, settings["required_patient_fields"]), *_wrong(write, (*NEW, *ANYWHERE))]
    if write.dob and write.dob > datetime.now(ZoneInfo(settings["timezone"])).date():
        reasons.append(invalid("The birth date is in the future.", "dob"))
    reasons += await _strangers(api, write, names)
    reasons += await _plans(api, write, names)
    if not reasons:
        reasons += [reason("duplicate_patient", mrn=row["mrn"]) for row in await _same(api, write)][:1]
    if reasons:
        raise NotWritten(*reasons)


async def check_change(api: JsonClient, write: PatientChange, row: Row | None, names: Names) -> None:
    if row is None:
        raise NotWritten(unknown("patient_id", names))
    reasons = [*_wrong(write, ANYWHERE), *await _strangers(api, write, names)]
    if reasons:
        raise NotWritten(*reasons)


def _missing(write: NewPatient, required: list[str]) -> Iterator[Reason]:
    """Either phone will do for the phone that a practice requires."""
    given = {"phone": write.phone or write.cell_phone}
    for name in required:
        value: Any = given[name] if name in given else getattr(write, name, None)
        if not (value.strip() if isinstance(value, str) else value):
            yield missing(name)


def _wrong(write: NewPatient | PatientChange, texts: tuple[str, ...]) -> Iterator[Reason]:
    yield from misspelled(write, PATTERNS, TEXTS)
    yield from too_long(write, dict.fromkeys(texts, LONGEST))
    for member, name in people(write).items():
        if len(name) > LONGEST:
            field = "pcp_last_name" if member == "primary_care" else "referring_provider_last_name"
            yield invalid(f"The EHR takes at most {LONGEST} characters.", field)


async def _strangers(api: JsonClient, write: NewPatient | PatientChange, names: Names) -> list[Reason]:
    """A provider or a pharmacy that the EHR does not have."""
    lists: Mapping[str, tuple[str, str | None]] = {
        "providers": ("provider_id", write.referred_to_provider_ehr_id),
        "pharmacies": ("pharmacy_id", getattr(write, "pharmacy_ehr_id", None)),
    }
    found = []
    for plural, (member, ehr_id) in lists.items():
        if ehr_id and ehr_id not in {row["id"] for row in (await api.get(f"/{plural}"))[plural]}:
            found.append(unknown(member, names))
    return found


async def _plans(api: JsonClient, write: NewPatient, names: Names) -> list[Reason]:
    try:
        plans = await patient_plans.plans(api, write, names)
    except NotWritten as refused:
        return [*refused.reasons]
    numbers = ("insurance_subscriber_number", "secondary_insurance_subscriber_number")
    found = [missing(name) for plan, name in zip(plans, numbers, strict=False) if not plan["member_id"].strip()]
    if len({plan["rank"] for plan in plans}) < len(plans):
        found.append(reason("rank_taken", names, rank=plans[0]["rank"]))
    return found


async def _same(api: JsonClient, write: NewPatient) -> list[Row]:
    """The patients of this name and birth date. The EHR compares names without accents and case."""
    query = {"first_name": write.first_name, "last_name": write.last_name, "dob": write.dob}
    rows = (await api.get("/patients", query | {"limit": 200}))["patients"]
    name = _folded(write.first_name), _folded(write.last_name)
    return [row for row in rows if (_folded(row["first_name"]), _folded(row["last_name"])) == name]


def _folded(text: str | None) -> str:
    parts = unicodedata.normalize("NFKD", text or "")
    return " ".join("".join(each for each in parts if not unicodedata.combining(each)).casefold().split())
