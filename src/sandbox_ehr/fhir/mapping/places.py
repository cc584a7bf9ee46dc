"""The clinic, its locations, and the payers as FHIR resources."""

import sqlite3
from collections.abc import Iterator

from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.payers import PAYERS
from sandbox_ehr.clinic.practice import Address
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import SYSTEM, concept, filled, meta, reference, terminology

PRACTICE_BEGAN = "2019-01-02T09:00:00+00:00"


def organization_id(context: ChartContext) -> str:
    return f"clinic-{context.clinic.id}"


def load_locations(_connection: sqlite3.Connection, context: ChartContext, _hint: Hint) -> Iterator[Resource]:
    for location in context.clinic.locations:
        yield {
            "resourceType": "Location",
            "id": location.id,
            "meta": meta(PRACTICE_BEGAN, "location"),
            "status": "active" if location.active else "inactive",
            "name": location.name,
            "mode": "instance",
            "telecom": [
                {"system": "phone", "value": location.phone, "use": "work"},
                {"system": "fax", "value": location.fax, "use": "work"},
            ],
            "address": _address(location.address),
            "managingOrganization": reference("Organization", organization_id(context), context.clinic.name),
        }


def load_organizations(_connection: sqlite3.Connection, context: ChartContext, _hint: Hint) -> Iterator[Resource]:
    clinic = context.clinic
    yield {
        "resourceType": "Organization",
        "id": organization_id(context),
        "meta": meta(PRACTICE_BEGAN, "organization"),
        "active": True,
        "type": [concept(terminology("organization-type"), "prov", "Healthcare Provider")],
        "name": clinic.name,
        "telecom": [{"system": "phone", "value": clinic.phone, "use": "work"}],
        "address": [_address(clinic.locations[0].address)],
    }
    for payer in PAYERS:
        yield {
            "resourceType": "Organization",
            "id": payer.id,
            "meta": meta(payer.created_at, "organization"),
            "identifier": [{"system": f"{SYSTEM}/payer", "value": payer.code}],
            "active": payer.active,
            "type": [concept(terminology("organization-type"), "ins", "Insurance Company")],
            "name": payer.name,
        }


def _address(address: Address) -> Resource:
    lines = [line for line in (address.street, address.line2) if line]
    place = {"city": address.city, "state": address.state, "postalCode": address.zip, "country": "US"}
    return filled({"use": "work", "line": lines, **place})
