"""The search parameters of each resource type, as data: kind, then the paths that it looks at.

A reference may name the type that it must point to: `reference:Patient participant.actor`.
"""

from functools import cache

import msgspec

from sandbox_ehr.fhir.record_parameters import RECORDS

_TABLE: dict[str, dict[str, str]] = {
    "Patient": {
        "identifier": "token identifier",
        "active": "token active",
        "name": "string name",
        "family": "string name.family",
        "given": "string name.given",
        "birthdate": "date birthDate",
        "gender": "token gender",
        "telecom": "token telecom",
        "phone": "token telecom",
        "email": "token telecom",
        "address": "string address",
        "address-city": "string address.city",
        "address-state": "string address.state",
        "address-postalcode": "string address.postalCode",
        "language": "token communication.language",
        "general-practitioner": "reference:Practitioner generalPractitioner",
        "organization": "reference:Organization managingOrganization",
    },
    "Practitioner": {
        "identifier": "token identifier",
        "active": "token active",
        "name": "string name",
        "family": "string name.family",
        "given": "string name.given",
    },
    "PractitionerRole": {
        "active": "token active",
        "practitioner": "reference:Practitioner practitioner",
        "organization": "reference:Organization organization",
        "location": "reference:Location location",
        "role": "token code",
        "specialty": "token specialty",
    },
    "Location": {
        "name": "string name",
        "status": "token status",
        "address": "string address",
        "address-city": "string address.city",
        "address-state": "string address.state",
        "address-postalcode": "string address.postalCode",
        "organization": "reference:Organization managingOrganization",
    },
    "Organization": {
        "name": "string name",
        "active": "token active",
        "type": "token type",
        "address": "string address",
    },
    "Appointment": {
        "identifier": "token identifier",
        "date": "date start",
        "status": "token status",
        "patient": "reference:Patient participant.actor",
        "practitioner": "reference:Practitioner participant.actor",
        "location": "reference:Location participant.actor",
        "actor": "reference participant.actor",
        "appointment-type": "token appointmentType",
        "service-type": "token serviceType",
        "slot": "reference:Slot slot",
    },
    "Slot": {
        "schedule": "reference:Schedule schedule",
        "schedule.actor": "actor schedule",
        "start": "date start",
        "status": "token status",
        "appointment-type": "token appointmentType",
        "service-type": "token serviceType",
    },
    "Schedule": {
        "actor": "reference actor",
        "active": "token active",
        "date": "date planningHorizon",
    },
}


class Parameter(msgspec.Struct, frozen=True):
    """`kind` is token, string, date, reference, or actor (of the schedule of a slot).

    `target` is the type that a reference must point to.
    """

    name: str
    kind: str
    paths: tuple[str, ...]
    target: str = ""


@cache
def parameters_of(kind: str) -> dict[str, Parameter]:
    """Of one resource type, with those that every type has."""
    own = {"_id": "token id", "_lastUpdated": "date meta.lastUpdated"} | (_TABLE | RECORDS).get(kind, {})
    return {name: _parsed(name, text) for name, text in own.items()}


def _parsed(name: str, text: str) -> Parameter:
    kind, *paths = text.split()
    kind, _, target = kind.partition(":")
    return Parameter(name, kind, tuple(paths), target)
