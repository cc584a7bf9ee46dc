"""What connectors write: one struct per capability, with the EHR's own ids. `writing.py` says how it is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import ClassVar, Literal, TypeAlias

import msgspec

from cobalt_link.connector.models import Sex

WriteCapability: TypeAlias = Literal[
    "appointments.create",
    "appointments.update",
    "patients.create",
    "patients.update",
    "insurances.create",
    "insurances.update",
    "notes.create",
    "notes.update",
    "patient_notes.create",
    "documents.create",
    "referrals.create",
    "referring_providers.create",
    "tasks.create",
    "task_notes.create",
    "messages.create",
    "telephone_encounters.create",
    "telephone_encounters.add_action",
    "claims.create",
    "payments.create",
]


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """`ref` is ours, 32 characters `[0-9a-f]`, another one for each write. Where the EHR has a field that keeps it,
    `read_back` finds the record by it; else by natural key and time of creation.

    Ids are the EHR's own. A field that the app did not send is None, and left as it is by an update.
    """

    capability: ClassVar[WriteCapability]

    ref: str


class ForPatient(Write, frozen=True, kw_only=True):
    """A write on one patient: by the EHR's id, which we look up by the record number first if the app sent that."""

    patient_ehr_id: str
    patient_mrn: str


class NewAppointment(ForPatient, frozen=True, kw_only=True):
    """`start` has an offset. `duration` in minutes. `type` is a code of the EHR's visit types."""

    capability = "appointments.create"

    location_ehr_id: str
    provider_ehr_id: str
    type: str
    start: datetime
    duration: int | None = None
    secondary_provider_ehr_id: str | None = None
    note: str | None = None
    reason: str | None = None
    new_patient: bool | None = None
    prevent_double_booking: bool = False


class AppointmentChange(Write, frozen=True, kw_only=True):
    """`status` is a code of the EHR's visit statuses. `cancel` and `start` cancel and move in the EHR's own way."""

    capability = "appointments.update"

    ehr_id: str
    status: str | None = None
    cancel: bool = False
    note: str | None = None
    start: datetime | None = None
    duration: int | None = None
    location_ehr_id: str | None = None
    provider_ehr_id: str | None = None
    type: str | None = None
    reason: str | None = None


class PatientFields(Write, frozen=True, kw_only=True):
    """What both a new patient and a change may have. Phones are `222-333-4444`, states two letters."""

    phone: str | None = None
    cell_phone: str | None = None
    email: str | None = None
    address_street: str | None = None
    address_line2: str | None = None
    address_city: str | None = None
    address_state: str | None = None
    address_zip: str | None = None
    referring_provider_first_name: str | None = None
    referring_provider_last_name: str | None = None
    referring_provider_ehr_id: str | None = None
    pcp_first_name: str | None = None
    pcp_last_name: str | None = None
    pcp_ehr_id: str | None = None
    referred_to_provider_ehr_id: str | None = None


class NewPatient(PatientFields, frozen=True, kw_only=True):
    """`insurance_sequence` and `responsible_party` are the contract's words (§4.7)."""

    capability = "patients.create"

    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    dob: date | None = None
    sex: Sex | None = None
    no_email_reason: str | None = None
    insurance_name: str | None = None
    insurance_provider_ehr_id: str | None = None
    insurance_subscriber_number: str | None = None
    insurance_sequence: str | None = None
    secondary_insurance_name: str | None = None
    secondary_insurance_subscriber_number: str | None = None
    responsible_party: str | None = None
    responsible_party_first_name: str | None = None
    responsible_party_last_name: str | None = None
    check_eligibility: bool | None = None
    emergency_contact_first_name: str | None = None
    emergency_contact_last_name: str | None = None
    emergency_contact_relation: str | None = None
    emergency_contact_phone: str | None = None
    pharmacy_ehr_id: str | None = None


class PatientChange(PatientFields, frozen=True, kw_only=True):
    capability = "patients.update"

    ehr_id: str
    save_previous_address: bool = True


class InsuranceFields(ForPatient, frozen=True, kw_only=True):
    """The payer is named by the EHR's id, or by name and payer id. `copayment` is an amount such as "20.00"."""

    insurance_provider_ehr_id: str | None = None
    insurance_name: str | None = None
    insurance_payer_id: str | None = None
    member_id: str | None = None
    group_id: str | None = None
    priority: int | None = None
    plan_begin_date: date | None = None
    copayment: str | None = None
    relationship_to_subscriber: str | None = None
    subscriber_demographics: dict[str, str] | None = None


class NewInsurance(InsuranceFields, frozen=True, kw_only=True):
    capability = "insurances.create"


class InsuranceChange(InsuranceFields, frozen=True, kw_only=True):
    capability = "insurances.update"

    ehr_id: str


class Soap(msgspec.Struct, frozen=True, kw_only=True):
    """The four parts of a structured note."""

    subjective: str | None = None
    objective: str | None = None
    assessment: str | None = None
    plan: str | None = None


class Ai(msgspec.Struct, frozen=True, kw_only=True):
    """Which part a model had in a text, and which people answer for it."""

    model: str | None = None
    version: str | None = None
    editor: str | None = None
    signer: str | None = None


class NoteFields(Write, frozen=True, kw_only=True):
    """Either `text`, with line breaks `\\n`, or `parts`. `sign` asks the EHR to sign the note, which ends all edits."""

    text: str | None = None
    parts: Soap | None = None
    icd_10_codes: tuple[str, ...] = ()
    cpt_codes: tuple[str, ...] = ()
    sign: bool = False
    ai: Ai | None = None


class NewNote(NoteFields, frozen=True, kw_only=True):
    capability = "notes.create"

    appointment_ehr_id: str


class NoteChange(NoteFields, frozen=True, kw_only=True):
    capability = "notes.update"

    ehr_id: str


class NewPatientNote(ForPatient, frozen=True, kw_only=True):
    capability = "patient_notes.create"

    subject: str
    note: str
    location_ehr_id: str


class NewDocument(ForPatient, frozen=True, kw_only=True):
    capability = "documents.create"

    folder_name: str
    filename: str
    media_type: str
    content: bytes
    assigned_to_ehr_id: str | None = None
    is_reviewed: bool | None = None
    notes: str | None = None
    is_high_priority: bool | None = None
    ai: Ai | None = None


class ReferralDocument(msgspec.Struct, frozen=True, kw_only=True):
    filename: str
    content: bytes


class NewReferral(ForPatient, frozen=True, kw_only=True):
    """A provider id "0" means that there is no provider on that side."""

    capability = "referrals.create"

    from_provider_ehr_id: str
    to_provider_ehr_id: str
    direction: Literal["incoming", "outgoing"]
    priority: Literal["routine", "urgent", "stat"]
    reason: str
    diagnosis_codes: tuple[str, ...] = ()
    documents: tuple[ReferralDocument, ...] = ()


class NewReferringProvider(Write, frozen=True, kw_only=True):
    capability = "referring_providers.create"

    first_name: str
    last_name: str
    npi: str
    phone: str | None = None
    fax: str | None = None
    email: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    zip_code: str | None = None


class NewTask(ForPatient, frozen=True, kw_only=True):
    capability = "tasks.create"

    description: str
    subject: str | None = None
    assignee_ehr_id: str | None = None
    phone_call_type_id: str | None = None
    notify_list: tuple[str, ...] = ()


class NewTaskNote(Write, frozen=True, kw_only=True):
    capability = "task_notes.create"

    task_ehr_id: str
    note: str


class NewMessage(Write, frozen=True, kw_only=True):
    capability = "messages.create"

    provider_ehr_id: str
    subject: str
    message: str


class NewTelephoneEncounter(ForPatient, frozen=True, kw_only=True):
    capability = "telephone_encounters.create"

    provider_ehr_id: str
    location_ehr_id: str
    assigned_to_ehr_id: str
    reason: str | None = None
    refill_medication_name: str | None = None
    pharmacy_ehr_id: str | None = None


class NewTelephoneAction(Write, frozen=True, kw_only=True):
    capability = "telephone_encounters.add_action"

    appointment_ehr_id: str
    text: str
    is_high_priority: bool | None = None


class NewClaim(Write, frozen=True, kw_only=True):
    capability = "claims.create"

    appointment_ehr_id: str


class NewPayment(ForPatient, frozen=True, kw_only=True):
    """`amount` is a decimal number above 0, such as "35.00"."""

    capability = "payments.create"

    payment_method: str
    reference_number: str
    location_ehr_id: str
    amount: str
    notes: str | None = None
    deposit_date: date | None = None


def _models(kind: type[Write]) -> dict[WriteCapability, type[Write]]:
    found: dict[WriteCapability, type[Write]] = {}
    for each in kind.__subclasses__():
        found |= _models(each) | ({each.capability: each} if "capability" in vars(each) else {})
    return found


WRITES: Mapping[WriteCapability, type[Write]] = _models(Write)
"""The struct of each capability."""
