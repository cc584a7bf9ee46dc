"""Patients: new ones with their plans, and changes to how they are reached and who cares for them."""

from __future__ import annotations

from datetime import date

from cobalt_link.connector import Chart, Connector, Held, NewPatient, PatientChange, Writing, Written
from cobalt_link.connectors.sandbox.writes import patient_plans, patient_rules
from cobalt_link.connectors.sandbox.writes.fields import Field, Fields, body, plain, took
from cobalt_link.connectors.sandbox.writes.people import people, people_held, people_took
from cobalt_link.connectors.sandbox.writes.rows import Table, client

SEX = {"female": "F", "male": "M", "unknown": "U"}
OUR_SEX = {theirs: ours for ours, theirs in SEX.items()}

REACHED: Fields = (
    Field("phone", "phones.home"),
    Field("cell_phone", "phones.mobile"),
    Field("email", "email"),
    Field("address_street", "address.street"),
    Field("address_line2", "address.line2"),
    Field("address_city", "address.city"),
    Field("address_state", "address.state", str.upper),
    Field("address_zip", "address.zip"),
    Field("referring_provider_ehr_id", "referred_by_id"),
    Field("pcp_ehr_id", "primary_care_id"),
    Field("referred_to_provider_ehr_id", "provider_id"),
)
PATIENTS = Table(
    path="/patients",
    name="patient",
    fields=(
        *plain("first_name", "middle_name", "last_name", "no_email_reason"),
        Field("dob", "dob", date.isoformat, date.fromisoformat),
        Field("sex", "sex", SEX.__getitem__, lambda theirs: OUR_SEX.get(theirs, "unknown")),
        *REACHED,
        Field("responsible_party", "responsible_party.relation"),
        Field("responsible_party_first_name", "responsible_party.first_name"),
        Field("responsible_party_last_name", "responsible_party.last_name"),
        Field("emergency_contact_first_name", "emergency_contact.first_name"),
        Field("emergency_contact_last_name", "emergency_contact.last_name"),
        Field("emergency_contact_relation", "emergency_contact.relation"),
        Field("emergency_contact_phone", "emergency_contact.phone"),
        Field("pharmacy_ehr_id", "pharmacy_id"),
    ),
    shown=lambda row: {"mrn": row["mrn"]},
    called=patient_plans.NAMES,
)
CHANGES = Table(path="/patients", name="patient", fields=REACHED, shown=PATIENTS.shown, missing="patient_id")


async def create(connector: Connector, chart: Chart, write: NewPatient) -> Written:
    api = client(connector, chart)
    insurance = await patient_plans.insurance(api, write, PATIENTS.names)
    return await PATIENTS.create(api, write, people(write) | insurance)


async def change(connector: Connector, chart: Chart, write: PatientChange) -> Written:
    changes = body(CHANGES.fields, write) | people(write)
    if "address" in changes:
        changes["keep_old_address"] = write.save_previous_address
    return await CHANGES.change(client(connector, chart), write.ehr_id, changes)


async def made(connector: Connector, chart: Chart, write: NewPatient, _ehr_id: str | None) -> Held | None:
    api = client(connector, chart)
    row = await PATIENTS.made(api, write)
    if row is None:
        return None
    own = next((each["pharmacy_id"] for each in row["pharmacies"] if each["primary"]), None)
    more = people_held(write, row) | await patient_plans.plans_held(api, write, row)
    return PATIENTS.held(write, row | {"pharmacy_id": own}, **more)


async def changed(connector: Connector, chart: Chart, write: PatientChange, _ehr_id: str | None) -> Held | None:
    row = await CHANGES.one(client(connector, chart), write.ehr_id)
    if row is None:
        return None
    done = took(CHANGES.fields, write, row) and people_took(write, row)
    return CHANGES.held(write, row, took=done, **people_held(write, row))


async def check_new(connector: Connector, chart: Chart, write: NewPatient) -> None:
    await patient_rules.check_new(client(connector, chart), write, PATIENTS.names)


async def check_change(connector: Connector, chart: Chart, write: PatientChange) -> None:
    api = client(connector, chart)
    await patient_rules.check_change(api, write, await CHANGES.one(api, write.ehr_id), CHANGES.names)


PATIENT = Writing(write=create, read_back=made, check=check_new)
PATIENT_CHANGE = Writing(write=change, read_back=changed, check=check_change)
