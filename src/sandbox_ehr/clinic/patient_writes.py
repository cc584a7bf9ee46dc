"""New patients and changes to patients: what the clinic requires, and whom it has already."""

import secrets
import sqlite3
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sandbox_ehr import refusals
from sandbox_ehr.clinic import eligibility, patients
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.eligibility import NewCheck
from sandbox_ehr.clinic.insurances import PlanOfPatient, add_plan
from sandbox_ehr.clinic.made_up_patients import Contact, HomeAddress, Patient, PatientPharmacy, Phones
from sandbox_ehr.clinic.pharmacies import pharmacies
from sandbox_ehr.clinic.practice import REQUIRED_PATIENT_FIELDS
from sandbox_ehr.clinic.records import Line, NewRow
from sandbox_ehr.refusals import RequestRefused

PhoneNumber = Annotated[str, msgspec.Meta(pattern=r"^$|^\d{3}-\d{3}-\d{4}$")]
Zip = Annotated[str, msgspec.Meta(pattern=r"^$|^\d{5}(-\d{4})?$")]
State = Annotated[str, msgspec.Meta(pattern=r"^$|^[A-Za-z]{2}$")]


class NewPhones(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    home: PhoneNumber = ""
    mobile: PhoneNumber = ""


class NewAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    street: Line = ""
    line2: Line = ""
    city: Line = ""
    state: State = ""
    zip: Zip = ""


class NewPatient(NewRow, frozen=True, kw_only=True):
    """The body of `POST /api/patients`. What the clinic requires is in its settings."""

    first_name: Line = ""
    middle_name: Line = ""
    last_name: Line = ""
    dob: date | None = None
    sex: Literal["", "F", "M", "U"] = ""
    phones: NewPhones = NewPhones()
    email: Line = ""
    no_email_reason: Line = ""
    address: NewAddress = NewAddress()
    language: Line = "English"
    provider_id: str = ""
    primary_care: Line = ""
    primary_care_id: str = ""
    referred_by: Line = ""
    referred_by_id: str = ""
    responsible_party: Contact = Contact(relation="self")
    emergency_contact: Contact = Contact()
    pharmacy_id: str = ""
    insurance: tuple[PlanOfPatient, ...] = ()
    check_eligibility: bool = False


class PatientChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body of `PATCH /api/patients/{id}`. What is left out stays, also inside `phones` and `address`."""

    first_name: Line | UnsetType = UNSET
    middle_name: Line | UnsetType = UNSET
    last_name: Line | UnsetType = UNSET
    phones: dict[Literal["home", "mobile"], PhoneNumber] | UnsetType = UNSET
    email: Line | UnsetType = UNSET
    no_email_reason: Line | UnsetType = UNSET
    address: dict[str, Line] | UnsetType = UNSET
    keep_old_address: bool = True
    language: Line | UnsetType = UNSET
    provider_id: str | UnsetType = UNSET
    primary_care: Line | UnsetType = UNSET
    primary_care_id: str | UnsetType = UNSET
    referred_by: Line | UnsetType = UNSET
    referred_by_id: str | UnsetType = UNSET
    responsible_party: Contact | UnsetType = UNSET
    emergency_contact: Contact | UnsetType = UNSET


def create(connection: sqlite3.Connection, context: ChartContext, body: NewPatient) -> Patient:
    """Raises RequestRefused if a required field is missing or the clinic has this patient."""
    clinic = context.clinic.id
    _check_required(body)
    patient = _patient(context, body)
    same = patients.same_person(connection, clinic, patient)
    if same is not None:
        raise RequestRefused(refusals.duplicate_patient(same.id, same.mrn))
    patients.save(connection, clinic, patient)
    for plan in body.insurance:
        row = add_plan(connection, context, patient.id, plan)
        if body.check_eligibility:
            eligibility.create(connection, context, NewCheck(insurance_id=row["id"]))
    return patients.require(connection, clinic, patient.id)


def change(connection: sqlite3.Connection, context: ChartContext, patient_id: str, body: PatientChange) -> Patient:
    patient = patients.one(connection, context.clinic.id, patient_id)
    if patient is None:
        raise RequestRefused(refusals.not_found("patient"))
    changes: dict[str, Any] = {
        name: value
        for name, value in ((name, getattr(body, name)) for name in body.__struct_fields__)
        if value is not UNSET and name not in ("phones", "address", "keep_old_address")
    }
    _check_provider(context, changes.get("provider_id", ""))
    if body.phones is not UNSET:
        changes["phones"] = msgspec.structs.replace(patient.phones, **body.phones)
    if body.address is not UNSET:
        changes |= _moved(patient, body.address, keep=body.keep_old_address)
    changed = msgspec.structs.replace(patient, updated_at=context.written_at, **changes)
    patients.save(connection, context.clinic.id, changed)
    return changed


def _moved(patient: Patient, address: dict[str, str], *, keep: bool) -> dict[str, Any]:
    try:
        msgspec.convert(address, NewAddress)
    except msgspec.ValidationError as error:
        raise RequestRefused(refusals.invalid_value("address", f"The address is not valid: {error}")) from None
    moved = msgspec.structs.replace(patient.address, **address)
    moved = msgspec.structs.replace(moved, state=moved.state.upper())
    before = (patient.address, *patient.previous_addresses) if keep and moved != patient.address else ()
    return {"address": moved, "previous_addresses": before or patient.previous_addresses}


def _check_required(body: NewPatient) -> None:
    given = {
        "first_name": body.first_name.strip(),
        "last_name": body.last_name.strip(),
        "dob": body.dob,
        "sex": body.sex,
        "phone": body.phones.home or body.phones.mobile,
    }
    missing = [name for name in REQUIRED_PATIENT_FIELDS if not given[name]]
    if missing:
        raise RequestRefused(refusals.missing_fields(missing))


def _check_provider(context: ChartContext, provider_id: str) -> None:
    if provider_id and provider_id not in {provider.id for provider in context.clinic.providers}:
        raise RequestRefused(refusals.unknown_reference("provider_id"))


def _patient(context: ChartContext, body: NewPatient) -> Patient:
    if body.dob is None or body.dob > context.today:
        raise RequestRefused(refusals.invalid_value("dob", "The birth date is in the future."))
    _check_provider(context, body.provider_id)
    stores = {store.id for store in pharmacies(context.clinic)}
    if body.pharmacy_id and body.pharmacy_id not in stores:
        raise RequestRefused(refusals.unknown_reference("pharmacy_id"))
    number = secrets.randbelow(9 * 10**7) + 10**7
    plain = (
        *("first_name", "middle_name", "last_name", "sex", "email", "no_email_reason", "language", "provider_id"),
        *("primary_care", "primary_care_id", "referred_by", "referred_by_id", "responsible_party"),
        *("emergency_contact", "client_ref"),
    )
    address = msgspec.structs.asdict(body.address) | {"state": body.address.state.upper()}
    return Patient(
        id=f"{context.clinic.id}{number}",
        mrn=f"{context.clinic.name[0]}{number}",
        dob=body.dob.isoformat(),
        phones=Phones(body.phones.home, body.phones.mobile),
        address=HomeAddress(**address),
        insurance=(),
        pharmacies=(PatientPharmacy(body.pharmacy_id, primary=True),) if body.pharmacy_id else (),
        created_at=context.written_at,
        updated_at=context.written_at,
        created_by=context.user_id,
        **{name: getattr(body, name) for name in plain},
    )
