"""Writes of patients (contract §4.7)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import Sex
from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Done, Fields, Operation, Other
from cobalt_link.records.writes.shapes import DryRun, Text, WriteAsked, need_phone, need_state, need_zip
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.problems import InvalidRequest, MissingField

Id = Annotated[str | None, Cleaned(trimmed)]
Party = Literal[
    "self",
    "spouse",
    "child",
    "adopted_child",
    "step_child",
    "foster_child",
    "ward_of_court",
    "employee",
    "unknown",
    "handicapped_dependent",
    "organ_donor",
    "cadaver_donor",
    "grandchild",
    "niece_nephew",
    "injured_plaintiff",
    "sponsored_dependent",
    "minor_dependent",
    "parent",
    "grandparent",
    "life_partner",
    "other",
]


class PatientFieldsAsked(WriteAsked, frozen=True, kw_only=True):
    """What a new patient and a change may both have."""

    phone: Annotated[Text, Meta(description="Ten digits, such as 222-333-4444.")] = None
    cell_phone: Annotated[Text, Meta(description="Ten digits, such as 222-333-4445.")] = None
    email: Annotated[Text, Meta(description="An e-mail address.")] = None
    address_street: Annotated[Text, Meta(description="Street and number.")] = None
    address_line2: Annotated[Text, Meta(description="Apartment, suite, or floor.")] = None
    address_city: Annotated[Text, Meta(description="City.")] = None
    address_state: Annotated[str | None, Cleaned(trimmed), Meta(description="Two letters, such as AZ.")] = None
    address_zip: Annotated[str | None, Cleaned(trimmed), Meta(description="85004 or 85004-1234.")] = None
    referring_provider: Annotated[str | None, Cleaned(trimmed), Meta(description="The whole name.")] = None
    referring_provider_first_name: Annotated[Text, Meta(description="Of who sends the patient.")] = None
    referring_provider_last_name: Annotated[Text, Meta(description="Of who sends the patient.")] = None
    referring_provider_id: Annotated[Id, Meta(description="An id of GET /v1/referring-providers.")] = None
    pcp_first_name: Annotated[Text, Meta(description="Of the primary care provider.")] = None
    pcp_last_name: Annotated[Text, Meta(description="Of the primary care provider.")] = None
    pcp_id: Annotated[Id, Meta(description="An id of GET /v1/referring-providers or of GET /v1/providers.")] = None
    referred_to_provider_id: Annotated[Id, Meta(description="The ehr_id of the rendering provider.")] = None


class NewPatientAsked(PatientFieldsAsked, frozen=True, kw_only=True):
    """Which fields are required depends on the EHR: `required_patient_fields` of GET /v1/settings."""

    first_name: Annotated[Text, Meta(description="Given name.")] = None
    last_name: Annotated[Text, Meta(description="Family name.")] = None
    middle_name: Annotated[Text, Meta(description="Middle name.")] = None
    dob: Annotated[date | None, Alias("date_of_birth")] = None
    sex: Annotated[Sex | None, Alias("gender")] = None
    no_email_reason: Annotated[Text, Meta(description="Why there is no email.")] = None
    insurance_name: Annotated[Text, Meta(description="The first plan, by the name of its payer.")] = None
    insurance_provider_id: Annotated[Id, Meta(description="Its payer, an id of GET /v1/insurance-providers.")] = None
    insurance_subscriber_number: Annotated[Text, Meta(description="Member id of the first plan.")] = None
    insurance_sequence: Annotated[
        Literal["primary", "secondary", "tertiary"] | None, Meta(description="Which plan the first one is.")
    ] = None
    secondary_insurance_name: Annotated[Text, Meta(description="A second plan, by the name of its payer.")] = None
    secondary_insurance_subscriber_number: Annotated[Text, Meta(description="Member id of the second plan.")] = None
    responsible_party: Annotated[Party | None, Meta(description="Who pays. self by default.")] = None
    responsible_party_first_name: Annotated[Text, Meta(description="Required if it is not self.")] = None
    responsible_party_last_name: Annotated[Text, Meta(description="Required if it is not self.")] = None
    check_eligibility: Annotated[bool | None, Meta(description="Ask the payer whether the patient is covered.")] = None
    emergency_contact_first_name: Annotated[Text, Meta(description="Given name.")] = None
    emergency_contact_last_name: Annotated[Text, Meta(description="Family name.")] = None
    emergency_contact_relation: Annotated[Text, Meta(description="Such as spouse.")] = None
    emergency_contact_phone: Annotated[Text, Meta(description="Ten digits, such as 222-333-4444.")] = None
    pharmacy_id: Annotated[Id, Meta(description="An id of GET /v1/pharmacies.")] = None
    dry_run: DryRun = False


class PatientChangeAsked(NewPatientAsked, frozen=True, kw_only=True):
    """A patient whom the EHR has takes phones, email, address, and providers. One who is still to be created takes
    every field."""

    save_previous_address: Annotated[
        bool | None, Meta(description="Keep the old address as a former one. true by default.")
    ] = None


def _both(asked: PatientFieldsAsked) -> Fields:
    fields: Fields = {name: need_phone(name, getattr(asked, name)) for name in ("phone", "cell_phone")}
    fields["address_state"] = need_state("address_state", asked.address_state)
    fields["address_zip"] = need_zip("address_zip", asked.address_zip)
    if asked.email is not None and "@" not in asked.email:
        raise InvalidRequest("Invalid email: send an address such as ana@example.com.")
    if asked.referring_provider:
        first, _, last = asked.referring_provider.removeprefix("Dr. ").rpartition(" ")
        fields |= {"referring_provider_first_name": first or None, "referring_provider_last_name": last}
    return {name: value for name, value in fields.items() if value is not None}


def _new(asked: NewPatientAsked) -> Fields:
    names = ("responsible_party_first_name", "responsible_party_last_name")
    if asked.responsible_party not in (None, "self") and (
        missing := [each for each in names if not getattr(asked, each)]
    ):
        raise MissingField(*missing)
    contact = need_phone("emergency_contact_phone", asked.emergency_contact_phone)
    return _both(asked) | ({"emergency_contact_phone": contact} if contact else {})


def _change(asked: PatientChangeAsked) -> Fields:
    sent = msgspec.structs.asdict(asked)
    if all(
        value is None for name, value in sent.items() if name not in ("expires_in", "dry_run", "save_previous_address")
    ):
        raise InvalidRequest("Send at least one field to change, such as phone or email.")
    return _both(asked)


def _mrn(done: Done) -> dict[str, Any]:
    mrn = done.held.fields.get("mrn") or done.held.shown.get("mrn")
    return {"mrn": mrn, "patient_mrn": mrn, "ehr_id": done.held.ehr_id}


# The contract: an id that nobody knows falls back to the name (§4.7).
IDS: Any = {
    "referring_provider_id": Other(
        kinds=("referring_provider",), field="referring_provider_ehr_id", unless="referring_provider_last_name"
    ),
    "pcp_id": Other(kinds=("referring_provider", "provider"), field="pcp_ehr_id", unless="pcp_last_name"),
    "referred_to_provider_id": Other(kinds=("provider",), field="referred_to_provider_ehr_id"),
}
NEW_IDS: Any = IDS | {
    "insurance_provider_id": Other(kinds=("insurance_provider",), field="insurance_provider_ehr_id"),
    "pharmacy_id": Other(kinds=("pharmacy",), field="pharmacy_ehr_id"),
}
OPERATIONS = (
    Operation(
        name="patients.create",
        path="/v1/patients",
        asked=NewPatientAsked,
        record="patient_id",
        kind="patient",
        message="Patient processing. A webhook event will be sent upon completion.",
        summary="Create a patient.",
        done="patient.created",
        failed="patient.failed",
        ids=NEW_IDS,
        advice=frozenset({"check_eligibility", "no_email_reason", "insurance_sequence", "responsible_party"}),
        shape=_new,
        data=_mrn,
    ),
    Operation(
        name="patients.update",
        method="PATCH",
        path="/v1/patients/{patient_id}",
        target="patient_id",
        asked=PatientChangeAsked,
        record="patient_id",
        kind="patient",
        message="Patient updated successfully",
        summary="Change a patient's phones, email, address, and providers. Its job does it.",
        done="patient.updated",
        failed="patient.failed",
        ids=IDS,
        advice=frozenset({"save_previous_address"}),
        only_new=frozenset(NewPatientAsked.__struct_fields__) - {*PatientFieldsAsked.__struct_fields__, "dry_run"},
        shape=_change,
        data=_mrn,
    ),
)
