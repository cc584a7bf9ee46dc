"""Patients: a page of those that match. The medical record number is the PUID, the party's id at this institution."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector import Patient, PatientQuery, Patients, Sex, holds, same_phone
from cobalt_link.connectors.gnuhealth import search
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import inside, number, on

MODEL = "gnuhealth.patient"
PARTY = ["name", "lastname", "ref", "dob", "gender", "phone", "mobile", "email"]
ADDRESS = ["street", "city", "postal_code", "subdivision.code"]
NUMBERS = ["contact_mechanisms.type", "contact_mechanisms.value"]
FIELDS = [
    *(f"party.{field}" for field in (*PARTY, *NUMBERS)),
    *(f"party.addresses.{field}" for field in ADDRESS),
]
ORDER = [["party.lastname", "ASC"], ["party.name", "ASC"], ["id", "ASC"]]


async def page(server: Server, query: PatientQuery) -> Patients:
    """The page that `query` asks for."""
    domain = _domain(query)
    if query.phone is None and search.is_exact(query.first_name, query.last_name):
        total = await server.model(MODEL, "search_count", domain)
        rows = await server.model(MODEL, "search_read", domain, query.offset, query.limit, ORDER, FIELDS)
        return Patients(items=tuple(map(patient, rows)), total=total)
    found, total = list[Patient](), 0
    async for row in server.rows(MODEL, domain, FIELDS, ORDER):
        if _fits(row, query):
            if query.offset <= total < query.offset + query.limit:
                found.append(patient(row))
            total += 1
    return Patients(items=tuple(found), total=total)


def _domain(query: PatientQuery) -> list[Any]:
    domain: list[Any] = []
    if query.ehr_id is not None:
        domain.append(["id", "=", number(query.ehr_id) or -1])
    if query.mrn is not None:
        domain.append(["party.ref", "=", query.mrn])
    if query.dob is not None:
        domain.append(["party.dob", "=", on(query.dob)])
    if query.first_name:
        domain.append(["party.name", "ilike", search.pattern(query.first_name)])
    if query.last_name:
        domain.append(["party.lastname", "ilike", search.pattern(query.last_name)])
    if query.phone is not None:
        domain.append(search.by_phone("party", query.phone))
    return domain


def _fits(row: dict[str, Any], query: PatientQuery) -> bool:
    names = holds(inside(row, "party", "name"), query.first_name)
    names = names and holds(inside(row, "party", "lastname"), query.last_name)
    numbers = [each["value"] for each in inside(row, "party", "contact_mechanisms.") or []]
    return names and (query.phone is None or any(same_phone(query.phone, each) for each in numbers))


def patient(row: dict[str, Any]) -> Patient:
    """A row with the fields of FIELDS, or with those of its party only."""
    party = row["party."]
    address = next(iter(party.get("addresses.") or []), {})
    street = (address.get("street") or "").splitlines()
    return Patient(
        ehr_id=str(row["id"]),
        mrn=party["ref"] or "",
        first_name=party["name"] or "",
        last_name=party["lastname"] or "",
        dob=party["dob"],
        sex=sex(party["gender"]),
        phone=party["phone"] or party["mobile"] or None,
        cell_phone=party["mobile"] or None,
        email=party.get("email") or None,
        address_street=street[0] if street else None,
        address_line2=", ".join(street[1:]) or None,
        address_city=address.get("city") or None,
        address_state=state(address),
        address_zip=address.get("postal_code") or None,
    )


def sex(gender: str | None) -> Sex:
    """GNU Health knows more genders than the unified record."""
    if gender == "m":
        return "male"
    return "female" if gender == "f" else "unknown"


def state(address: dict[str, Any]) -> str | None:
    """ "US-MA" (ISO 3166-2) as "MA"."""
    code = inside(address, "subdivision", "code")
    return code.partition("-")[2] or code if code else None
