"""Patients and practitioners as FHIR resources (US Core 6.1)."""

import sqlite3
from collections.abc import Iterator

from sandbox_ehr.clinic import patients
from sandbox_ehr.clinic.context import ChartContext, StaffUser
from sandbox_ehr.clinic.made_up_patients import Contact, HomeAddress, Patient
from sandbox_ehr.clinic.patients import PatientQuery
from sandbox_ehr.clinic.practice import Provider
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.mapping.places import PRACTICE_BEGAN, organization_id
from sandbox_ehr.fhir.outcome import Resource
from sandbox_ehr.fhir.values import (
    NPI,
    SYSTEM,
    client_identifier,
    concept,
    filled,
    meta,
    reference,
    terminology,
)

GENDERS = {"F": "female", "M": "male", "U": "unknown"}
LANGUAGES = {"English": "en", "Spanish": "es", "French": "fr", "German": "de", "Chinese": "zh", "Japanese": "ja"}
MRN = f"{SYSTEM}/mrn"


def load_patients(connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    query = PatientQuery(id=hint.only_id or hint.patient, limit=200)
    total, _ = patients.find(connection, context.clinic.id, query)
    for offset in range(0, total, query.limit):
        _, page = patients.find(connection, context.clinic.id, PatientQuery(id=query.id, offset=offset, limit=200))
        for each in page:
            yield patient_resource(context, each)


def patient_resource(context: ChartContext, patient: Patient) -> Resource:
    kind = concept(terminology("v2-0203"), "MR", "Medical record number")
    mrn = {"use": "usual", "type": kind, "system": MRN, "value": patient.mrn}
    return filled(
        {
            "resourceType": "Patient",
            "id": patient.id,
            "meta": meta(patient.updated_at, "patient"),
            "identifier": [mrn, *client_identifier(patient.client_ref)],
            "active": True,
            "name": [_name(patient.last_name, patient.first_name, patient.middle_name)],
            "telecom": _telecom(patient),
            "gender": GENDERS[patient.sex],
            "birthDate": patient.dob,
            "address": [_address(patient.address, "home"), *(_address(a, "old") for a in patient.previous_addresses)],
            "contact": _contact(patient.emergency_contact),
            "communication": _communication(patient.language),
            "generalPractitioner": [reference("Practitioner", patient.provider_id)] if patient.provider_id else [],
            "managingOrganization": reference("Organization", organization_id(context), context.clinic.name),
        }
    )


def load_practitioners(_connection: sqlite3.Connection, context: ChartContext, hint: Hint) -> Iterator[Resource]:
    for provider in context.clinic.providers:
        yield _practitioner(provider)
    # The staff of the front desk can be read, because an app has to know who signed in. A search does not list them.
    for user in context.accounts:
        if user.id in hint.ids:
            yield _staff(user)


def load_roles(_connection: sqlite3.Connection, context: ChartContext, _hint: Hint) -> Iterator[Resource]:
    names = {location.id: location.name for location in context.clinic.locations}
    for provider in context.clinic.providers:
        yield filled(
            {
                "resourceType": "PractitionerRole",
                "id": f"role-{provider.id}",
                "meta": meta(PRACTICE_BEGAN, "practitionerrole"),
                "active": provider.active,
                "practitioner": reference("Practitioner", provider.id, shown_name(provider)),
                "organization": reference("Organization", organization_id(context), context.clinic.name),
                "code": [concept(terminology("practitioner-role"), "doctor", provider.title)],
                "specialty": [{"text": provider.specialty}],
                "location": [
                    reference("Location", each, names[each]) for each in dict.fromkeys(provider.days.values())
                ],
            }
        )


def shown_name(provider: Provider) -> str:
    return f"{provider.first_name} {provider.last_name}, {provider.title}"


def _practitioner(provider: Provider) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": provider.id,
        "meta": meta(PRACTICE_BEGAN, "practitioner"),
        "identifier": [{"system": NPI, "value": provider.npi}],
        "active": provider.active,
        "name": [_name(provider.last_name, provider.first_name) | {"suffix": [provider.title]}],
    }


def _staff(user: StaffUser) -> Resource:
    given, _, family = user.name.partition(" ")
    return {
        "resourceType": "Practitioner",
        "id": user.id,
        "meta": meta(PRACTICE_BEGAN, "practitioner"),
        "active": True,
        "name": [{"text": user.name, **filled({"family": family, "given": [given]})}],
    }


def _name(family: str, *given: str) -> Resource:
    first = [each for each in given if each]
    return filled({"use": "official", "text": " ".join([*first, family]), "family": family, "given": first})


def _telecom(patient: Patient) -> list[Resource]:
    phones = {"home": patient.phones.home, "mobile": patient.phones.mobile}
    found = [{"system": "phone", "value": value, "use": use} for use, value in phones.items() if value]
    return [*found, *([{"system": "email", "value": patient.email}] if patient.email else [])]


def _address(address: HomeAddress, use: str) -> Resource:
    lines = [line for line in (address.street, address.line2) if line]
    place = {"city": address.city, "state": address.state, "postalCode": address.zip, "country": "US"}
    return filled({"use": use, "line": lines, **place})


def _contact(contact: Contact) -> list[Resource]:
    if not contact.last_name:
        return []
    phone = [{"system": "phone", "value": contact.phone}] if contact.phone else []
    name = _name(contact.last_name, contact.first_name)
    return [filled({"relationship": [{"text": contact.relation}], "name": name, "telecom": phone})]


def _communication(language: str) -> list[Resource]:
    code = LANGUAGES.get(language, "")
    return [{"language": concept("urn:ietf:bcp:47", code, language) if code else {"text": language}}]
