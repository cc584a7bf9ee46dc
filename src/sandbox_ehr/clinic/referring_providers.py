"""Providers elsewhere who refer patients to the clinic, or to whom the clinic refers them."""

import sqlite3
from functools import cache
from typing import Annotated

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic import records
from sandbox_ehr.clinic.codes import is_npi
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_names import FAMILIES, MEN, WOMEN
from sandbox_ehr.clinic.practice import CLINICS, Address, Clinic
from sandbox_ehr.clinic.records import Kind, Line, ListQuery, MadeUpRow, NewRow, Row
from sandbox_ehr.clinic.search_text import digits, fold
from sandbox_ehr.clinic.seeded_choice import number, pick
from sandbox_ehr.refusals import RequestRefused

REFERRING_PROVIDER = Kind("referring_provider", "referring-providers", "RP")
SPECIALTIES = ("Cardiology", "Dermatology", "Endocrinology", "Gastroenterology", "Neurology", "Orthopedics", "Urology")
PER_CLINIC = 40
Phone = Annotated[str, msgspec.Meta(pattern=r"^$|^\d{3}-\d{3}-\d{4}$")]


class NewReferringProvider(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/referring-providers`."""

    first_name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    last_name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    middle_initial: Annotated[str, msgspec.Meta(max_length=1)] = ""
    specialty: Line = ""
    npi: Line
    phone: Phone = ""
    fax: Phone = ""
    email: Line = ""
    address: Address = Address("", "", "", "")


class ReferringProviderQuery(ListQuery, frozen=True, kw_only=True):
    """Names match in part, phone and fax by part of their digits, the NPI exactly."""

    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    fax: str = ""
    npi: str = ""


def seed(connection: sqlite3.Connection) -> None:
    for clinic in CLINICS.values():
        records.add_made_up(connection, clinic.id, REFERRING_PROVIDER, _made_up(clinic.id))


def find(connection: sqlite3.Connection, context: ChartContext, query: ReferringProviderQuery) -> tuple[int, list[Row]]:
    """How many match, and the requested page of them."""
    everybody = ListQuery(client_ref=query.client_ref, limit=10**6)
    _, rows = records.find(connection, context, REFERRING_PROVIDER, everybody)
    found = [row for row in rows if _matches(row, query)]
    return len(found), found[query.offset : query.offset + query.limit]


def create(connection: sqlite3.Connection, context: ChartContext, body: NewReferringProvider) -> Row:
    """Raises RequestRefused if the NPI is not one, or belongs to somebody whom the clinic has already."""
    if not is_npi(body.npi):
        raise RequestRefused(refusals.invalid_value("npi", "This is no NPI: its check digit is wrong."))
    _, same = find(connection, context, ReferringProviderQuery(npi=body.npi))
    if same:
        raise RequestRefused(refusals.duplicate_provider(same[0]["id"]))
    return records.add(connection, context, REFERRING_PROVIDER, msgspec.to_builtins(body))


def _matches(row: Row, query: ReferringProviderQuery) -> bool:
    return (
        fold(query.first_name) in fold(row["first_name"])
        and fold(query.last_name) in fold(row["last_name"])
        and digits(query.phone) in digits(row["phone"])
        and digits(query.fax) in digits(row["fax"])
        and query.npi in ("", row["npi"])
    )


@cache
def _made_up(clinic_id: str) -> list[MadeUpRow]:
    clinic = CLINICS[clinic_id]
    return [
        MadeUpRow(id=f"RP{clinic.id}{place:02}", created_at=1546430400, created_by="u1", doc=_doc(clinic, place))
        for place in range(1, PER_CLINIC + 1)
    ]


def _doc(clinic: Clinic, place: int) -> Row:
    key = f"referring/{clinic.id}/{place}"
    city, state = clinic.city.split(", ")
    address = Address(f"{place * 7} Hospital Drive", city, state, f"00{300 + place}")
    stem = f"1{int(clinic.id)}000{place:04}"
    # Nobody's number: its check digit is wrong on purpose.
    npi = next(f"{stem}{digit}" for digit in range(10) if not is_npi(f"{stem}{digit}"))
    return {
        "first_name": pick(WOMEN + MEN, key, "first"),
        "last_name": pick(FAMILIES, key, "last"),
        "middle_initial": pick("ABCDEFGHJKLM", key, "middle"),
        "specialty": pick(SPECIALTIES, key, "specialty"),
        "npi": npi,
        "phone": f"{clinic.phone[:3]}-555-01{number(100, key, 'phone'):02}",
        "fax": f"{clinic.phone[:3]}-555-01{number(100, key, 'fax'):02}",
        "email": f"office{place}@example.com",
        "address": msgspec.to_builtins(address),
    }
