"""Patients registered and changed at the real GNU Health, read back by the connector and by its own API."""

from datetime import date
from typing import Any

import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import PatientQuery
from cobalt_link.connector.writes import NewPatient, PatientChange
from cobalt_link.connector.writing import NotWritten
from cobalt_link.connectors.gnuhealth import GnuHealth
from tests.connectors.gnuhealth.written import count, do, held_of, raw, ref, refused
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
MODEL, PARTY = "gnuhealth.patient", "party.party"
WHOLE: dict[str, Any] = {
    "first_name": "Zoë", "last_name": "Adeyemi-Ng", "dob": date(1990, 2, 28), "sex": "female", "phone": "413-555-0150",
    "cell_phone": "413-555-0151", "email": "Zoe@Example.ORG", "address_street": "9 Oak Lane", "address_line2": "Unit 4",
    "address_city": "Springfield", "address_state": "MA", "address_zip": "01101",
}  # fmt: skip
WHO = ("first_name", "last_name", "dob", "sex")


@pytest.fixture(scope="module", autouse=True)
def massachusetts(written_to: Bench) -> None:
    """The test server has no countries of its own."""
    country = seed.one(written_to, "country.country", {"name": "United States", "code": "US"})
    state = {"name": "Massachusetts", "code": "US-MA", "type": "state", "country": country}
    seed.one(written_to, "country.subdivision", state)


def a_patient(first: str, **fields: Any) -> NewPatient:
    return NewPatient(ref=ref(), first_name=first, last_name="Lindqvist", **fields)


def party_of(bench: Bench, ehr_id: str) -> int:
    return raw(bench, MODEL, ehr_id, "party")["party"]


def places(bench: Bench, ehr_id: str) -> list[tuple[bool, str, str]]:
    everything = [["party", "=", party_of(bench, ehr_id)], ["active", "in", [True, False]]]
    rows = bench.rpc(
        "model.party.address.search_read",
        everything,
        0,
        None,
        [["active", "DESC"]],
        ["active", "street", "postal_code"],
    )
    return [(row["active"], row["street"], row["postal_code"]) for row in rows]


async def test_a_registered_patient_is_in_the_chart_with_every_field(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    before = count(written_to, MODEL), count(written_to, PARTY)
    held = await do(connector, doctor, NewPatient(ref=ref(), **WHOLE))
    assert held.fields == WHOLE
    assert (count(written_to, MODEL), count(written_to, PARTY)) == (before[0] + 1, before[1] + 1)
    (read,) = (await connector.patients(doctor, PatientQuery(mrn=held.shown["mrn"]))).items
    assert read.ehr_id == held.ehr_id
    assert {name: getattr(read, name) for name in WHOLE} == held.fields
    theirs = raw(written_to, PARTY, party_of(written_to, held.ehr_id), "name", "lastname", "gender", "is_patient",
                 "is_person", "dob", "ref", "federation_account")  # fmt: skip
    assert theirs == {
        "name": "Zoë", "lastname": "Adeyemi-Ng", "gender": "f", "is_patient": True, "is_person": True,
        "dob": seed.a_date(date(1990, 2, 28)), "ref": held.shown["mrn"],
        "federation_account": f"XXX{held.shown['mrn']}",
    }  # fmt: skip


async def test_names_are_enough_for_a_patient(connector: GnuHealth, doctor: Chart) -> None:
    held = await do(connector, doctor, a_patient("Nils"))
    assert (held.fields["first_name"], held.fields["sex"], held.fields["dob"]) == ("Nils", "unknown", None)


async def test_what_gnu_health_would_refuse_is_refused_before_anything_is_sent(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    born = date(1970, 5, 5)
    await do(connector, doctor, a_patient("Greta", dob=born))
    before = count(written_to, PARTY)
    rule = "EHR_VALIDATION_ERROR"
    refusals: list[tuple[NewPatient, list[tuple[str, str | None]]]] = [
        (NewPatient(ref=ref()), [(rule, "first_name"), (rule, "last_name")]),
        (a_patient("Ida", address_state="TX"), [(rule, "address_state")]),
        (a_patient("Ida", dob=date(2999, 1, 1)), [(rule, "dob")]),
        (a_patient("Ida", dob=date(1700, 1, 1)), [(rule, "dob")]),
        (a_patient(" GRETA ", dob=born), [("DUPLICATE_PATIENT", None)]),
    ]
    for patient, wanted in refusals:
        assert await refused(connector, doctor, patient) == wanted, patient
    assert count(written_to, PARTY) == before
    await do(connector, doctor, a_patient("Greta", dob=date(1970, 5, 6)))
    await do(connector, doctor, a_patient("Greta"))


async def test_only_what_was_sent_changes(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    made = (await do(connector, doctor, NewPatient(ref=ref(), **(WHOLE | {"first_name": "Ada"})))).ehr_id
    asked = {"cell_phone": "413-555-0199", "address_street": "11 Elm Street", "address_zip": "01103-0001"}
    held = await do(connector, doctor, PatientChange(ref=ref(), ehr_id=made, **asked))
    wanted = WHOLE | {"first_name": "Ada"} | asked
    assert held.fields == {name: value for name, value in wanted.items() if name not in WHO}
    (read,) = (await connector.patients(doctor, PatientQuery(ehr_id=made))).items
    assert {name: getattr(read, name) for name in WHOLE} == wanted
    numbers = written_to.rpc("model.party.contact_mechanism.search_count", [["party", "=", party_of(written_to, made)]])
    assert numbers == 3, "the mobile was changed, not added"
    assert places(written_to, made) == [
        (True, "11 Elm Street\nUnit 4", "01103-0001"),
        (False, "9 Oak Lane\nUnit 4", "01101"),
    ]
    overwritten = PatientChange(ref=ref(), ehr_id=made, address_zip="01104", save_previous_address=False)
    await do(connector, doctor, overwritten)
    assert [each[2] for each in places(written_to, made)] == ["01104", "01101"]


async def test_a_patient_without_numbers_gets_them(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    asked = {"phone": "413-555-0160", "email": "roberto@example.org", "address_city": "Salem"}
    held = await do(connector, doctor, PatientChange(ref=ref(), ehr_id="5", **asked))
    assert {name: held.fields[name] for name in asked} == asked
    assert raw(written_to, PARTY, party_of(written_to, "5"), "phone")["phone"] == "413-555-0160"


async def test_a_change_that_cannot_be_is_refused(written_to: Bench, connector: GnuHealth, doctor: Chart) -> None:
    nobody = PatientChange(ref=ref(), ehr_id="999999", phone="413-555-0170")
    assert await refused(connector, doctor, nobody) == [("PATIENT_NOT_FOUND", "ehr_id")]
    assert await held_of(connector, doctor, nobody) is None
    nowhere = PatientChange(ref=ref(), ehr_id="1", address_state="ZZ", phone="413-555-0171")
    assert await refused(connector, doctor, nowhere) == [("EHR_VALIDATION_ERROR", "address_state")]
    held = await held_of(connector, doctor, nowhere)
    assert held and not held.took and held.fields["phone"] is None, "nothing of it was done"


async def test_a_rule_that_only_the_server_knows_comes_with_its_own_words(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    """Here: that the addresses of a country have districts and no states."""
    rule = seed.one(written_to, "party.address.subdivision_type", {"country_code": "US", "types": ["district"]})
    try:
        with pytest.raises(NotWritten) as no:
            await do(connector, doctor, PatientChange(ref=ref(), ehr_id="2", address_state="MA"))
        (reason,) = no.value.reasons
        assert reason.code == "EHR_VALIDATION_ERROR" and "Subdivision" in reason.description
    finally:
        written_to.rpc("model.party.address.subdivision_type.delete", [rule])


async def test_the_server_itself_refuses_a_second_patient_with_our_reference(
    connector: GnuHealth, doctor: Chart
) -> None:
    once = a_patient("Sixten")
    await do(connector, doctor, once)
    with pytest.raises(NotWritten, match="EHR_VALIDATION_ERROR"):
        await connector.writings["patients.create"].write(connector, doctor, once)
    assert (await connector.patients(doctor, PatientQuery(first_name="Sixten"))).total == 1
