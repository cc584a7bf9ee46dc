"""Each field that we read from the real GNU Health, empty: nothing fails, and nothing else of the record changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import pytest

from cobalt_link.connector.capabilities import listed
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Appointment, AppointmentQuery, PatientQuery
from cobalt_link.connectors.gnuhealth import GnuHealth, appointments, patients, practice
from tests.connectors.gnuhealth import walk
from tests.connectors.gnuhealth.notes import noted
from tests.connectors.gnuhealth.walk import Walk, credentials
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
DOCTOR = credentials("ccameron", seed.USERS["ccameron"])

# What the server keeps behind each field that we read: model and field.
APPOINTMENT, PARTY, ADDRESS = "gnuhealth.appointment", "party.party", "party.address"
INSURANCE, NUMBER = "gnuhealth.insurance", "party.contact_mechanism"
READ: dict[str, tuple[str, str]] = {
    **{name: (APPOINTMENT, name) for name in appointments.OWN},
    "healthprof": (APPOINTMENT, "healthprof"),
    "institution": (APPOINTMENT, "institution"),
    "insurance": (APPOINTMENT, "insurance"),
    "insurance.number": (INSURANCE, "number"),
    "insurance.rec_name": (INSURANCE, "plan_id"),
    "healthprof.active": ("gnuhealth.healthprofessional", "active"),
    **{f"party.{name}": (PARTY, name) for name in ("name", "lastname", "ref", "dob", "gender", "active")},
    # Made from the party's numbers.
    **{f"party.{name}": (NUMBER, "value") for name in ("phone", "mobile", "email", "fax")},
    "party.contact_mechanisms.type": (NUMBER, "type"),
    "party.contact_mechanisms.value": (NUMBER, "value"),
    **{f"party.addresses.{name}": (ADDRESS, name) for name in ("street", "city", "postal_code")},
    "party.addresses.subdivision": (ADDRESS, "subdivision"),
    "party.addresses.subdivision.code": ("country.subdivision", "code"),
    **{f"evaluation.{name}": ("gnuhealth.patient.evaluation", name) for name in appointments.NOTE},
    "company.timezone": ("company.company", "timezone"),
    "user.name": ("res.user", "name"),
}
EMPTIED = sorted(set(READ.values()))
# What becomes of the record: the only fields of the appointment that may change, and to what.
NOTHING = {"appointment_date": "start", "state": "status", "visit_type": "appointment_type", "comments": "reason",
           "create_date": "created_at", "healthprof": "provider_ehr_id", "institution": "location_ehr_id",
           "insurance": "insurance_number"}  # fmt: skip


@pytest.fixture(scope="module")
async def chart(gnuhealth: Bench) -> Chart:
    return (await Walk(gnuhealth.url).go(DOCTOR)).chart


@pytest.fixture(scope="module")
async def full(gnuhealth: Bench) -> AsyncIterator[str]:
    """The id of an appointment that has everything that we read: the one with a note."""
    number = noted(gnuhealth)
    company = {"name": "Acme Health", "is_insurance_company": True}
    insurer = gnuhealth.rpc("model.party.party.create", [company])[0]
    insured = {"number": "N-1", "company": insurer, "party": gnuhealth.rpc(
        "model.gnuhealth.patient.read", [1], ["party"])[0]["party"]}  # fmt: skip
    insurance = gnuhealth.rpc("model.gnuhealth.insurance.create", [insured])[0]
    written = {"insurance": insurance, "comments": "Cough"}
    gnuhealth.rpc("model.gnuhealth.appointment.write", [int(number)], written)
    yield number
    gnuhealth.rpc("model.gnuhealth.appointment.write", [int(number)], dict.fromkeys(written))


class Whole(NamedTuple):
    """What is read while no field is empty."""

    appointment: Appointment
    people: set[str]
    visits: set[str]


@pytest.fixture(scope="module")
async def whole(gnuhealth: Bench, chart: Chart, full: str) -> Whole:
    each = walk.connector()
    people = {row.ehr_id for row in (await each.patients(chart, PatientQuery())).items}
    visits = {row.ehr_id for row in await listed(each.appointments(chart, around(gnuhealth)))}
    before = Whole(await by_id(each, chart, full), people, visits)
    await each.http.close()
    found = before.appointment
    assert found.start and found.status and found.insurance_number and found.patient.first_name
    return before


def around(bench: Bench, **filters: Any) -> AppointmentQuery:
    week = timedelta(days=7)
    return AppointmentQuery(start=bench.today - week, end=bench.today + week, include_note=True, **filters)


@asynccontextmanager
async def emptied(bench: Bench, model: str, field: str) -> AsyncIterator[None]:
    """This field of every record of the model, as a database that grew over years may have it."""
    table = model.replace(".", "_")
    rows = bench._rows(f"SELECT id, {field} FROM {table}")
    bench._rows(f"UPDATE {table} SET {field} = NULL")
    try:
        yield
    finally:
        for number, value in rows:
            bench._rows(f"UPDATE {table} SET {field} = ? WHERE id = ?", value, number)


def may_be_empty(bench: Bench, model: str, field: str) -> bool:
    return not bench.rpc(f"model.{model}.fields_get", [field])[field]["required"]


async def by_id(connector: GnuHealth, chart: Chart, number: str) -> Appointment:
    found = await connector.appointment(chart, number)
    assert found
    return found


def test_every_field_that_we_read_is_tried() -> None:
    lists = [*appointments.FIELDS, *patients.FIELDS, *practice.PROVIDER, *practice.LOCATION]
    # Whose party it is makes no difference: the patient's, the professional's, the institution's.
    shared = {f"party.{each.rpartition('party.')[2]}" if "party." in each else each for each in lists}
    assert shared - set(READ) == {"active"}, "the professional's, tried as healthprof.active"


@pytest.mark.parametrize(("model", "field"), EMPTIED)
async def test_an_empty_field_fails_nothing_and_hides_nothing(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart, whole: Whole, model: str, field: str
) -> None:
    if not may_be_empty(gnuhealth, model, field):
        assert (model, field) in {(INSURANCE, "number"), (NUMBER, "type")}, "the server never leaves these empty"
        return
    before = whole.appointment
    async with emptied(gnuhealth, model, field):
        after = await by_id(connector, chart, before.ehr_id)
        found = await listed(connector.appointments(chart, around(gnuhealth)))
        people = (await connector.patients(chart, PatientQuery())).items
        await connector.patients(chart, PatientQuery(first_name="é"))
        await listed(connector.appointments(chart, around(gnuhealth, patient_phone="555-201-0001")))
        providers, locations = await connector.providers(chart), await connector.locations(chart)
        await connector.settings(chart)
        if model in ("res.user", "company.company"):
            assert (await Walk(gnuhealth.url).go(DOCTOR)).grant.user.username == "ccameron"
    assert {each.ehr_id for each in people} == whole.people
    assert {each.ehr_id for each in found} == (set() if field == "appointment_date" else whole.visits)
    assert len(providers) == 2 and locations
    if name := NOTHING.get(field) if model == APPOINTMENT else None:
        assert getattr(after, name) is None
    same = {"start", "status", "reason", "insurance_number", "provider_ehr_id"} - {NOTHING.get(field)}
    assert {name: getattr(after, name) for name in same} == {name: getattr(before, name) for name in same}
    assert msgspec.json.decode(msgspec.json.encode(after), type=Appointment) == after, "every value has its type"


async def test_an_appointment_without_a_state_is_in_the_list_and_a_free_slot_is_not(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart
) -> None:
    today = AppointmentQuery(start=gnuhealth.today, end=gnuhealth.today)
    before = {each.ehr_id for each in await listed(connector.appointments(chart, today))}
    async with emptied(gnuhealth, APPOINTMENT, "state"):
        stateless = await listed(connector.appointments(chart, today))
    assert {each.ehr_id for each in stateless} == before and {each.status for each in stateless} == {None}
    free = [each for each, visit in zip(gnuhealth.appointments, seed.visits(gnuhealth.today), strict=True)
            if visit.state == "free"]  # fmt: skip
    assert free and not {str(each) for each in free} & before
