"""GET /v1/patients: the contract's keys, filters and pages."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Patient, PatientQuery
from tests.accounts.tiny import TinyConnector
from tests.accounts.world import World
from tests.records.conftest import Api, Caller

ANA = Patient(
    ehr_id="900",
    mrn="414421",
    first_name="Ana",
    middle_name="M",
    last_name="Betz",
    dob=date(1985, 10, 4),
    sex="female",
    phone="555-010-0001",
    cell_phone="555-010-0002",
    email="ana@example.org",
    address_street="1 Main St",
    address_line2="Apt 2",
    address_city="Tucson",
    address_state="AZ",
    address_zip="85701",
)


@pytest.fixture(autouse=True)
async def people(world: World) -> None:
    others = [Patient(ehr_id=str(n), mrn=f"m{n}", first_name="Bo", last_name="Lee") for n in range(6)]
    world.ehr.people = [ANA, *others]


async def test_a_patient_has_every_documented_key(ask: Api, acme: Caller) -> None:
    # contract §4.7, the union of all its versions
    status, body = await ask(acme, "/v1/patients", params={"patient_mrn": "414421"})
    assert (status, body["success"]) == (200, True)
    (ana,) = body["patients"]
    assert len(ana["id"]) == 32
    assert ana | {"id": ""} == {
        "id": "",
        "ehr_id": "900",
        "mrn": "414421",
        "status": "active",
        "job_id": None,
        "first_name": "Ana",
        "middle_name": "M",
        "last_name": "Betz",
        "dob": "1985-10-04",
        "date_of_birth": "1985-10-04",
        "sex": "female",
        "gender": "female",
        "phone": "555-010-0001",
        "cell_phone": "555-010-0002",
        "email": "ana@example.org",
        "address_street": "1 Main St",
        "address_line2": "Apt 2",
        "address_city": "Tucson",
        "address_state": "AZ",
        "address_zip": "85701",
        "updated_at": None,
    }
    assert body["pagination"] == {"current_page": 1, "total_pages": 1, "total_count": 1, "page_size": 100}


async def test_pages_cover_everybody_once(ask: Api, acme: Caller) -> None:
    found = []
    for page in (1, 2, 3, 4):
        _, body = await ask(acme, "/v1/patients", params={"page": page, "page_size": "3"})
        assert body["pagination"] == {"current_page": page, "total_pages": 3, "total_count": 7, "page_size": 3}
        found += [each["ehr_id"] for each in body["patients"]]
    assert found == ["900", "0", "1", "2", "3", "4", "5"]


async def test_the_same_patient_has_the_same_id_in_the_schedule(ask: Api, acme: Caller) -> None:
    _, body = await ask(acme, "/v1/patients", params={"mrn": "414421"})
    from tests.records.test_appointments import FULL, WEEK

    ask.world.ehr.book = [FULL]
    _, schedule = await ask(acme, "/v1/appointments", params=WEEK)
    assert schedule["appointments"][0]["patient_id"] == body["patients"][0]["id"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"page": 0}, "page"),
        ({"page": "x"}, "page"),
        ({"page_size": 501}, "page_size"),
        ({"dob": "4.10.1985"}, "Invalid date format. Use ISO format (YYYY-MM-DD)."),
    ],
)
async def test_bad_filters_say_what_to_send(ask: Api, acme: Caller, params: dict[str, Any], message: str) -> None:
    status, body = await ask(acme, "/v1/patients", params=params)
    assert status == 400 and message in body["message"]
    assert ask.world.ehr.asked == []


@pytest.mark.parametrize("name", ["dob", "first_name", "ehr_id", "phone"])
async def test_a_filter_that_the_ehr_lacks_is_refused_by_name_where_the_result_would_be_incomplete(
    ask: Api, acme: Caller, name: str
) -> None:
    ask.world.ehr.people = [Patient(ehr_id=str(n), mrn=f"m{n}", first_name="Bo", last_name="Lee") for n in range(501)]
    status, body = await ask(acme, "/v1/patients", params={name: "1985-10-04"})
    assert (status, body["error"]) == (400, "not_supported")
    assert f"Tiny EHR cannot filter patients by {name}." in body["message"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"dob": "1985-10-04"}, ["900"]),
        ({"first_name": "AN"}, ["900"]),
        ({"ehr_id": "3"}, ["3"]),
        ({"phone": "1-555-010-0002"}, ["900"]),
        ({"first_name": "bo", "dob": "1985-10-04"}, []),
        ({"first_name": "bo", "page": 2, "page_size": 4}, ["4", "5"]),
    ],
)
async def test_a_filter_that_the_ehr_lacks_is_applied_to_the_patients_if_there_are_few(
    ask: Api, acme: Caller, params: dict[str, Any], found: list[str]
) -> None:
    status, body = await ask(acme, "/v1/patients", params=params)
    assert (status, [each["ehr_id"] for each in body["patients"]]) == (200, found)
    total = 6 if "page" in params else len(found)
    assert body["pagination"]["total_count"] == total
    (asked,) = ask.world.ehr.asked
    assert (asked.dob, asked.first_name, asked.ehr_id, asked.phone) == (None, None, None, None)


IRISH = Patient(ehr_id="o", mrn="mo", first_name="O'Brien–Núñez y Ruiz", last_name="Lee")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"first_name": "O’BRIEN‑Nu\u0301n\u0303ez  y\u00a0Ruiz "}, ["o"]),
        ({"first_name": "\u200bo`brien-núñez y ruiz"}, ["o"]),
        ({"first_name": '"O\'Brien"'}, ["o"]),
        ({"first_name": "OBrien"}, []),
        ({"ehr_id": " \u200bo\u00a0"}, ["o"]),
        ({"phone": " ＋1 (555) 010–0002 "}, ["900"]),
        ({"dob": " 1985-10-04 "}, ["900"]),
        ({"first_name": "   ", "mrn": " 414421 "}, ["900"]),
        ({"mrn": "414421\u200b"}, ["900"]),
    ],
)
async def test_a_search_is_understood_as_people_type_it(
    ask: Api, acme: Caller, params: dict[str, str], found: list[str]
) -> None:
    ask.world.ehr.people = [ANA, IRISH]
    status, body = await ask(acme, "/v1/patients", params=params)
    assert (status, [each["ehr_id"] for each in body["patients"]]) == (200, found)


async def test_the_rival_gets_ids_that_say_nothing_about_ours(ask: Api, acme: Caller, rival: Caller) -> None:
    # S-004: the same EHR record has another id for another client
    _, ours = await ask(acme, "/v1/patients")
    _, theirs = await ask(rival, "/v1/patients")
    assert [each["ehr_id"] for each in ours["patients"]] == [each["ehr_id"] for each in theirs["patients"]]
    assert not {each["id"] for each in ours["patients"]} & {each["id"] for each in theirs["patients"]}
    stolen = type(acme)(rival.client, rival.secret, rival.account, acme.token)
    assert (await ask(stolen, "/v1/patients"))[0] == 401


@pytest.mark.parametrize("giving", ["list", "generator"])
async def test_an_ehr_without_pages_gives_all_and_we_cut_them(
    ask: Api, acme: Caller, giving: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def whole(self: TinyConnector, chart: Chart, query: PatientQuery) -> list[Patient]:
        return self.ehr.people

    async def one_by_one(self: TinyConnector, chart: Chart, query: PatientQuery) -> AsyncIterator[Patient]:
        for each in self.ehr.people:
            yield each

    monkeypatch.setattr(TinyConnector, "patients", whole if giving == "list" else one_by_one)
    _, body = await ask(acme, "/v1/patients", params={"page": 2, "page_size": 3})
    assert [each["ehr_id"] for each in body["patients"]] == ["2", "3", "4"]
    assert body["pagination"] == {"current_page": 2, "total_pages": 3, "total_count": 7, "page_size": 3}
    _, body = await ask(acme, "/v1/patients", params={"first_name": "an"})
    assert [each["ehr_id"] for each in body["patients"]] == ["900"] and body["pagination"]["total_count"] == 1
