"""Patients, professionals, institutions and settings read from the real GNU Health."""

from datetime import date
from typing import Any

import msgspec
import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Location, Patient, PatientQuery, Provider
from cobalt_link.connector.refusals import NoRights, SessionEnded
from cobalt_link.connectors.gnuhealth import GnuHealth
from tests.connectors.gnuhealth.walk import Walk, credentials
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS
from tests.support.ehrs.gnuhealth import GnuHealth as Bench

pytestmark = MARKS
DOCTOR = credentials("ccameron", seed.USERS["ccameron"])


@pytest.fixture(scope="module")
async def chart(gnuhealth: Bench) -> Chart:
    return (await Walk(gnuhealth.url).go(DOCTOR)).chart


async def test_a_patient_has_the_contract_s_fields(connector: GnuHealth, chart: Chart) -> None:
    (ana,) = (await connector.patients(chart, PatientQuery(mrn="PUID-000"))).items
    assert ana == Patient(
        ehr_id="1", mrn="PUID-000", first_name="Ana", last_name="Betz", dob=date(1985, 10, 4), sex="female",
        phone="+1 (555) 201-0001", cell_phone="+1 (555) 201-0001", email="ana@example.org",
    )  # fmt: skip
    (john,) = (await connector.patients(chart, PatientQuery(mrn="PUID-003"))).items
    assert (john.phone, john.cell_phone, john.sex) == ("555-201-0004", "555-201-0005", "male")
    (other,) = (await connector.patients(chart, PatientQuery(mrn="PUID-006"))).items
    assert (other.sex, other.email) == ("unknown", None)


async def test_an_address_is_read_with_its_state(gnuhealth: Bench, connector: GnuHealth, chart: Chart) -> None:
    country = gnuhealth.rpc("model.country.country.create", [{"name": "United States", "code": "US"}])[0]
    state = {"name": "Massachusetts", "code": "US-MA", "type": "state", "country": country}
    state = gnuhealth.rpc("model.country.subdivision.create", [state])[0]
    home = {"street": "12 Elm Street\nApartment 3", "city": "Salem", "postal_code": "01970"}
    party = gnuhealth.rpc("model.gnuhealth.patient.read", [6], ["party"])[0]["party"]
    made = gnuhealth.rpc(
        "model.party.address.create", [home | {"party": party, "country": country, "subdivision": state}]
    )
    try:
        (ines,) = (await connector.patients(chart, PatientQuery(mrn="PUID-005"))).items
        read = (ines.address_street, ines.address_line2, ines.address_city, ines.address_state, ines.address_zip)
        assert read == ("12 Elm Street", "Apartment 3", "Salem", "MA", "01970")
    finally:
        gnuhealth.rpc("model.party.address.delete", made)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [({}, 7), ({"last_name": "betz"}, 3), ({"last_name": "BETZ", "first_name": "an"}, 1), ({"last_name": "ñez"}, 1),
     ({"first_name": "Ángela"}, 1), ({"first_name": "áNGELA"}, 1), ({"last_name": "100%"}, 1), ({"last_name": "%"}, 1),
     ({"last_name": "_"}, 1), ({"last_name": "t_c"}, 1), ({"last_name": "z_n"}, 0), ({"last_name": "o'b"}, 1),
     ({"last_name": "O’Betza"}, 1), ({"last_name": "o`b"}, 1), ({"last_name": " betz "}, 3),
     ({"last_name": "obetza"}, 0), ({"last_name": "nu\u0301n\u0303ez  ibarra\u00a0"}, 1),
     ({"first_name": "A\u0301NGELA"}, 1),
     ({"last_name": "núñez\u2003IBARRA"}, 1), ({"last_name": "zen\u200bon"}, 1),
     ({"mrn": "PUID-002"}, 1), ({"mrn": "PUID"}, 0), ({"ehr_id": "3"}, 1), ({"ehr_id": "33"}, 0), ({"ehr_id": "x"}, 0),
     ({"dob": date(1985, 10, 4)}, 1), ({"dob": date(1985, 10, 5)}, 0), ({"phone": "555-201-0002"}, 1),
     ({"phone": "(555) 201 0002"}, 1), ({"phone": "+1 555 201 0002"}, 1), ({"phone": "0002"}, 0), ({"phone": "abc"}, 0),
     ({"phone": "555-201-0001", "last_name": "betz"}, 1), ({"phone": "555-201-0001", "last_name": "zenon"}, 0)],
)  # fmt: skip
async def test_filters_find_who_they_should(
    connector: GnuHealth, chart: Chart, query: dict[str, Any], wanted: int
) -> None:
    found = await connector.patients(chart, PatientQuery(**query))
    assert (len(found.items), found.total) == (wanted, wanted)


@pytest.mark.parametrize("filters", [{}, {"last_name": "é"}])
async def test_pages_share_out_all_patients_in_one_order(
    connector: GnuHealth, chart: Chart, filters: dict[str, Any]
) -> None:
    whole = await connector.patients(chart, PatientQuery(**filters))
    pages = [await connector.patients(chart, PatientQuery(offset=n, limit=3, **filters)) for n in range(0, 9, 3)]
    assert [each for page in pages for each in page.items] == list(whole.items)
    assert {page.total for page in pages} == {whole.total}


async def test_no_text_is_padded_with_zero_width_spaces(gnuhealth: Bench, connector: GnuHealth, chart: Chart) -> None:
    ages = gnuhealth.rpc("model.gnuhealth.patient.read", [1], ["age"])
    assert "\u200b" in ages[0]["age"], "the trap is still there"
    found = await connector.patients(chart, PatientQuery())
    assert "\u200b" not in msgspec.json.encode(found).decode()


async def test_professionals_are_listed_with_those_who_left(
    gnuhealth: Bench, connector: GnuHealth, chart: Chart
) -> None:
    gnuhealth.rpc("model.gnuhealth.healthprofessional.write", [2], {"active": False})
    try:
        zone = "America/New_York"
        assert await connector.providers(chart) == [
            Provider(ehr_id="1", name="Cameron, Cora", timezone=zone),
            Provider(ehr_id="2", name="Foreman, Ray", timezone=zone, active=False),
        ]
    finally:
        gnuhealth.rpc("model.gnuhealth.healthprofessional.write", [2], {"active": True})


async def test_institutions_are_the_locations(connector: GnuHealth, chart: Chart) -> None:
    assert await connector.locations(chart) == [
        Location(
            ehr_id="1",
            name="Riverside Clinic",
            address1="1 River Road",
            city="Springfield",
            zip="01101",
            phone="555-200-0000",
            fax="555-200-0009",
        )
    ]


async def test_settings_hold_the_codes_that_appointments_use(connector: GnuHealth, chart: Chart) -> None:
    settings = await connector.settings(chart)
    assert settings.timezone == "America/New_York"
    types = {coded.code: coded.description for coded in settings.visit_types}
    assert (
        types["followup"] == "Followup"
        and {visit.visit for visit in seed.visits(date.today()) if visit.visit} <= types.keys()
    )
    statuses = {coded.code: coded.description for coded in settings.visit_statuses}
    assert statuses["user_cancelled"] == "Cancelled by patient" and "free" not in statuses
    assert {"confirmed", "checked_in", "done", "no_show"} <= statuses.keys()


async def test_each_database_has_its_own_chart(gnuhealth_two: Bench, connector: GnuHealth) -> None:
    party = gnuhealth_two.rpc("model.gnuhealth.patient.read", [1], ["party"], database="south")[0]["party"]
    gnuhealth_two.rpc("model.party.party.write", [party], {"name": "Southern"}, database="south")
    for name, first in (("north", "Ana"), ("south", "Southern")):
        chart = (await Walk(f"{gnuhealth_two.url}/{name}").go(DOCTOR)).chart
        (found,) = (await connector.patients(chart, PatientQuery(ehr_id="1"))).items
        assert found.first_name == first


async def test_a_session_of_one_database_opens_no_other(gnuhealth_two: Bench, connector: GnuHealth) -> None:
    chart = (await Walk(f"{gnuhealth_two.url}/north").go(DOCTOR)).chart
    elsewhere = msgspec.structs.replace(chart, session=chart.session | {"database": "south"})
    with pytest.raises(SessionEnded):
        await connector.providers(elsewhere)


async def test_rights_that_were_taken_away_are_told(gnuhealth: Bench, connector: GnuHealth, chart: Chart) -> None:
    user = gnuhealth.rpc("model.res.user.search", [["login", "=", "ccameron"]], 0, 1, None)
    groups = gnuhealth.rpc("model.res.user.read", user, ["groups"])[0]["groups"]
    gnuhealth.rpc("model.res.user.write", user, {"groups": [["remove", groups]]})
    try:
        with pytest.raises(NoRights) as no:
            await connector.appointment(chart, "1")
        assert no.value.details == {"rights": "chart"}
    finally:
        gnuhealth.rpc("model.res.user.write", user, {"groups": [["add", groups]]})
