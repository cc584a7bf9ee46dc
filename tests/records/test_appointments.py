"""GET /v1/appointments and /v1/appointment(s)/{id}: the contract's shape, its messages, and nobody else's records."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import Appointment, AppointmentQuery, Patient
from cobalt_link.connector.refusals import EhrDown
from cobalt_link.developers.org_settings import OrgChange
from tests.accounts.tiny import TinyConnector
from tests.accounts.world import World
from tests.records.conftest import Api, Caller

PHOENIX = timezone(timedelta(hours=-7))
WEEK = {"start_date": "2026-03-02", "end_date": "2026-03-08"}

FULL = Appointment(
    ehr_id="1276397812",
    start=datetime(2026, 3, 4, 9, 30, tzinfo=PHOENIX),
    patient=Patient(
        ehr_id="900",
        mrn="414421",
        first_name="Ana",
        last_name="Betz",
        dob=date(1985, 10, 4),
        sex="female",
        phone="555-010-0001",
    ),
    duration=30,
    status="completed",
    appointment_type="f/u",
    mode="telemedicine",
    location_ehr_id="54252",
    location_name="Main Street",
    reason="Cough",
    complaint_type="acute",
    provider_ehr_id="6644",
    provider_name="Doe, John",
    provider_npi="1234567893",
    secondary_provider_ehr_id="6645",
    insurance="Aetna",
    insurance_number="A1",
    insurance_group_number="G1",
    insurance_subscriber="Ana Betz",
    secondary_insurance="Cigna",
    secondary_insurance_number="C1",
    diagnoses=({"code": "J20.9", "text": "Acute bronchitis"},),
    medications=({"name": "Salbutamol"},),
    note="Bring the inhaler",
    progress_note="Lungs clear",
    created_at=datetime(2026, 2, 1, 8, 0, tzinfo=PHOENIX),
)
BARE = Appointment(
    ehr_id="2",
    start=datetime(2026, 3, 5, 8, 0, tzinfo=PHOENIX),
    patient=Patient(ehr_id="901", mrn="", first_name="Bo", last_name=""),
)


@pytest.fixture(autouse=True)
async def book(world: World) -> None:
    world.ehr.book = [FULL, BARE]


async def test_an_appointment_has_every_documented_key(ask: Api, acme: Caller) -> None:
    # contract §4.5, the union of all its versions
    status, body = await ask(acme, "/v1/appointments", params={**WEEK, "include_note": "false"})
    assert (status, body["success"], len(body["appointments"])) == (200, True, 2)
    full = body["appointments"][0]
    assert len(full["id"]) == len(full["patient_id"]) == 32
    assert full | {"id": "", "patient_id": ""} == {
        "id": "",
        "ehr_appointment_id": "1276397812",
        "datetime": "2026-03-04T09:30:00-07:00",
        "duration": 30,
        "status": "completed",
        "cancelled": False,
        "appointment_type": "f/u",
        "appointment_mode": "telemedicine",
        "location": "54252",
        "location_name": "Main Street",
        "reason": "Cough",
        "complaint_type": "acute",
        "patient_id": "",
        "patient_name": "Ana Betz",
        "patient_first_name": "Ana",
        "patient_last_name": "Betz",
        "patient_mrn": "414421",
        "patient_ehr_id": "900",
        "patient_dob": "1985-10-04",
        "patient_sex": "female",
        "patient_gender": "female",
        "patient_phone": "555-010-0001",
        "provider_ehr_id": "6644",
        "provider_name": "Doe, John",
        "provider_npi": "1234567893",
        "secondary_provider_ehr_id": "6645",
        "insurance": "Aetna",
        "insurance_number": "A1",
        "insurance_group_number": "G1",
        "insurance_subscriber": "Ana Betz",
        "secondary_insurance": "Cigna",
        "secondary_insurance_number": "C1",
        "insurances": [
            {
                "priority": 1,
                "insurance_name": "Aetna",
                "insurance_subscriber_number": "A1",
                "group_id": "G1",
                "insurance_subscriber": "Ana Betz",
            },
            {
                "priority": 2,
                "insurance_name": "Cigna",
                "insurance_subscriber_number": "C1",
                "group_id": None,
                "insurance_subscriber": None,
            },
        ],
        "diagnoses": [{"code": "J20.9", "text": "Acute bronchitis"}],
        "medications": [{"name": "Salbutamol"}],
        "note": "Bring the inhaler",
        "progress_note": None,
        "created_at": "2026-02-01T08:00:00-07:00",
        "updated_at": None,
        "object_metadata": {"source": "ehr", "created_at": "2026-02-01T08:00:00-07:00"},
    }
    bare = body["appointments"][1]
    assert bare.keys() == full.keys()
    assert (bare["patient_name"], bare["insurances"], bare["duration"], bare["provider_name"]) == ("Bo", [], None, None)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "Missing required parameters: start_date, end_date."),
        ({"start_date": ""}, "Missing required parameters: start_date, end_date."),
        ({"end_date": "2026-03-01"}, "Missing required parameters: start_date."),
        ({"start_date": "2026-03-01"}, "Missing required parameters: end_date."),
        ({"start_date": "03/01/2026", "end_date": "2026-03-02"}, "Invalid date format. Use ISO format (YYYY-MM-DD)."),
        ({"start_date": "2026-02-30", "end_date": "2026-03-02"}, "Invalid date format. Use ISO format (YYYY-MM-DD)."),
        ({"start_date": "2026-03-02", "end_date": "tomorrow"}, "Invalid date format. Use ISO format (YYYY-MM-DD)."),
        ({"start_date": "2026-03-02", "end_date": "2026-03-01"}, "end_date must be after start_date."),
        (
            {"start_date": "9999-12-31", "end_date": "9999-12-31"},
            "start_date and end_date must be between 1900-01-01 and 2199-12-31.",
        ),
    ],
)
async def test_bad_days_are_answered_in_the_contracts_words_and_cost_the_ehr_nothing(
    ask: Api, acme: Caller, params: dict[str, Any], message: str
) -> None:
    status, body = await ask(acme, "/v1/appointments", params=params)
    assert (status, body["success"], body["message"]) == (400, False, message)
    assert ask.world.ehr.asked == []


@pytest.mark.parametrize(
    "day",
    ["2026-03-04", "2026-03-04T09:30:00", "2026-03-04T09:30:00Z", "2026-03-04T23:00:00-07:00", "2026-03-04 10:00"],
)
async def test_a_day_may_be_a_whole_time(ask: Api, acme: Caller, day: str) -> None:
    status, body = await ask(acme, "/v1/appointments", params={"start_date": day, "end_date": day})
    assert (status, [each["ehr_appointment_id"] for each in body["appointments"]]) == (200, ["1276397812"])


async def test_a_get_with_a_json_body_is_read_too(ask: Api, acme: Caller) -> None:
    # contract §9, row 6
    status, body = await ask(acme, "/v1/appointments", json=WEEK)
    assert (status, len(body["appointments"])) == (200, 2)


@pytest.mark.parametrize("dates", [("1900-01-01", "2199-12-31"), ("2026-01-01", "2026-12-31")])
async def test_a_range_of_any_length_is_answered_and_the_ehr_is_asked_in_parts(
    ask: Api, acme: Caller, dates: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Contract §9 row 43
    first, last = map(date.fromisoformat, dates)
    edge = min(first + timedelta(days=185), last)  # the last day of the first part, and the first of the next
    ask.world.ehr.book = [
        msgspec.structs.replace(BARE, ehr_id=str(n), start=datetime(each.year, each.month, each.day, 8, tzinfo=PHOENIX))
        for n, each in enumerate((first, edge, edge + timedelta(days=1), last))
    ]
    days = {"start_date": dates[0], "end_date": dates[1]}
    status, body = await ask(acme, "/v1/appointments", params=days)
    assert (status, [each["ehr_appointment_id"] for each in body["appointments"]]) == (200, ["0", "1", "2", "3"])
    asked = ask.world.ehr.asked
    assert (asked[0].start, asked[-1].end) == (first, last)
    assert all(each.start <= each.end < each.start + timedelta(days=186) for each in asked)
    assert all(one.end + timedelta(days=1) == next_one.start for one, next_one in pairwise(asked))
    # An EHR without such a limit is asked once.
    manifest = msgspec.structs.replace(TinyConnector.manifest, appointment_days=0)
    monkeypatch.setattr(TinyConnector, "manifest", manifest)
    asked.clear()
    assert (await ask(acme, "/v1/appointments", params=days))[1]["appointments"] == body["appointments"]
    assert [(each.start, each.end) for each in asked] == [(first, last)]


async def test_an_ehr_that_is_not_exact_at_the_edge_of_a_part_repeats_nothing(
    ask: Api, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def whole(self: TinyConnector, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        return self.ehr.book

    monkeypatch.setattr(TinyConnector, "appointments", whole)
    status, body = await ask(acme, "/v1/appointments", params={"start_date": "2025-01-01", "end_date": "2027-12-31"})
    assert (status, [each["ehr_appointment_id"] for each in body["appointments"]]) == (200, ["1276397812", "2"])


async def test_a_progress_note_comes_by_id_when_it_is_asked_for(
    ask: Api, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = TinyConnector.manifest.reads
    noting = reads | {"appointments": (*reads["appointments"], "include_note")}
    monkeypatch.setattr(TinyConnector, "manifest", msgspec.structs.replace(TinyConnector.manifest, reads=noting))

    async def without_note(self: TinyConnector, chart: Chart, ehr_id: str) -> Appointment | None:
        (found,) = [each for each in self.ehr.book if each.ehr_id == ehr_id]
        return msgspec.structs.replace(found, progress_note=None)

    for look_up in (TinyConnector.appointment, without_note):  # one that has the note, and one that only the list has
        monkeypatch.setattr(TinyConnector, "appointment", look_up)
        for params, note in (({}, None), ({"include_note": "true"}, "Lungs clear"), ({"include_note": "false"}, None)):
            status, body = await ask(acme, "/v1/appointment/1276397812", params=params)
            assert (status, body["appointment"]["progress_note"]) == (200, note)
    assert ask.world.ehr.asked[-1].include_note and ask.world.ehr.asked[-1].patient_mrn == "414421"


async def test_an_ehr_without_progress_notes_says_so_by_id_too(ask: Api, acme: Caller) -> None:
    status, body = await ask(acme, "/v1/appointments/2", params={"include_note": "true"})
    assert (status, body["error"]) == (400, "not_supported")
    assert body["message"].startswith("Tiny EHR cannot filter appointments by include_note.")


async def test_an_id_of_ours_is_known_in_upper_case_and_with_hyphens(ask: Api, acme: Caller) -> None:
    _, body = await ask(acme, "/v1/appointments", params=WEEK)
    ours = body["appointments"][0]["id"]
    for spelled in (ours.upper(), str(UUID(ours)), str(UUID(ours)).upper()):
        status, one = await ask(acme, f"/v1/appointments/{spelled}")
        assert (status, one.get("appointment")) == (200, body["appointments"][0])
    # An EHR's own id that looks like one of ours is still the EHR's.
    theirs = "0F8FAD5B-D9CB-469F-A165-70867728950E"
    ask.world.ehr.book = [msgspec.structs.replace(BARE, ehr_id=theirs)]
    status, one = await ask(acme, f"/v1/appointments/{theirs}")
    assert (status, one["appointment"]["ehr_appointment_id"]) == (200, theirs)


async def test_a_plus_that_a_query_lost_is_put_back(ask: Api, acme: Caller) -> None:
    path = "/v1/appointments?start_date=2026-03-04T00:00:00+05:00&end_date=2026-03-04T23:00:00+05:00"
    status, body = await ask(acme, path)
    assert (status, len(body["appointments"])) == (200, 1)


async def test_declared_filters_reach_the_ehr(ask: Api, acme: Caller) -> None:
    params = {**WEEK, "mrn": " 414421", "patient_name": "bet "}
    assert (await ask(acme, "/v1/appointments", params=params))[0] == 200
    (asked,) = ask.world.ehr.asked
    assert (asked.patient_mrn, asked.patient_name, asked.start, asked.end) == (
        *("414421", "bet"),
        *(date(2026, 3, 2), date(2026, 3, 8)),
    )


async def test_a_filter_that_no_record_can_answer_is_refused_by_its_name_and_never_ignored(
    ask: Api, acme: Caller
) -> None:
    params = {**WEEK, "include_note": "true", "patient_phone": "555"}
    status, body = await ask(acme, "/v1/appointments", params=params)
    assert (status, body["error"]) == (400, "not_supported")
    assert body["message"].startswith("Tiny EHR cannot filter appointments by include_note.")
    assert ask.world.ehr.asked == []


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"patient_phone": "+1 (555) 010-0001"}, ["1276397812"]),
        ({"patient_phone": "555 010 0009"}, []),
        ({"appointment_mode": "telemedicine"}, ["1276397812"]),
        ({"mode": "office"}, ["2"]),
        ({"mode": "office", "patient_phone": "5550100001"}, []),
    ],
)
async def test_a_filter_that_the_ehr_lacks_is_applied_to_its_records(
    ask: Api, acme: Caller, params: dict[str, str], found: list[str]
) -> None:
    status, body = await ask(acme, "/v1/appointments", params={**WEEK, **params})
    assert (status, [each["ehr_appointment_id"] for each in body["appointments"]]) == (200, found)
    (asked,) = ask.world.ehr.asked
    assert (asked.patient_phone, asked.mode) == (None, None)  # what is not declared never reaches the connector


async def test_both_ids_find_the_appointment_on_both_paths(ask: Api, acme: Caller) -> None:
    _, body = await ask(acme, "/v1/appointments", params=WEEK)
    ours = body["appointments"][0]["id"]
    for path in ("appointment", "appointments"):
        for either in (ours, "1276397812"):
            status, one = await ask(acme, f"/v1/{path}/{either}")
            assert (status, one["success"]) == (200, True)
            assert one["appointments"] == one["appointment"] == body["appointments"][0]


async def test_ids_stay_the_same_over_reads_relinks_and_colleagues(ask: Api, acme: Caller) -> None:
    _, first = await ask(acme, "/v1/appointments", params=WEEK)
    org = await ask.world.known(acme.client.id)
    colleague = await ask.world.keep(org, user_id="dr_bo", grant=ask.world.grant(user="u-2"))
    token = await ask.world.token(colleague)
    again = type(acme)(acme.client, acme.secret, colleague, token)
    _, second = await ask(again, "/v1/appointments", params=WEEK)
    assert [each["id"] for each in first["appointments"]] == [each["id"] for each in second["appointments"]]


@pytest.mark.parametrize("either", ["0" * 32, "3", "..", "a%2Fb", "a b", "%3Fx=1", "x" * 201, "é"])
async def test_an_unknown_or_impossible_id_is_not_found(ask: Api, acme: Caller, either: str) -> None:
    status, body = await ask(acme, f"/v1/appointments/{either}")
    assert status == 404
    assert body["success"] is False
    assert not {"a/b", "?x=1", "..", "."} & {str(asked) for asked in ask.world.ehr.asked}


async def test_the_rival_sees_nothing(ask: Api, acme: Caller, rival: Caller) -> None:
    # S-004
    _, body = await ask(acme, "/v1/appointments", params=WEEK)
    ours = body["appointments"][0]["id"]
    ask.world.ehr.book = []
    theirs = await ask(rival, f"/v1/appointments/{ours}")
    unknown = await ask(rival, "/v1/appointments/" + "0" * 32)
    assert _bare(theirs) == _bare(unknown)
    assert theirs[1]["message"] == "Appointment not found."
    stolen = type(acme)(rival.client, rival.secret, rival.account, acme.token)
    nobody = type(acme)(rival.client, rival.secret, rival.account, acme.token[:-1])
    assert _bare(await ask(stolen, "/v1/appointments", params=WEEK)) == _bare(
        await ask(nobody, "/v1/appointments", params=WEEK)
    )
    assert (await ask(stolen, "/v1/appointments", params=WEEK))[0] == 401


async def test_an_orgs_time_zone_decides_what_a_day_is(ask: Api, acme: Caller) -> None:
    early = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)  # still March 3rd in Phoenix
    ask.world.ehr.book = [msgspec.structs.replace(BARE, start=early)]
    await ask.world.orgs.change(acme.client, "riverside", OrgChange(time_zone="America/Phoenix"))
    for day, found in (("2026-03-03", 1), ("2026-03-04", 0)):
        _, body = await ask(acme, "/v1/appointments", params={"start_date": day, "end_date": day})
        assert len(body["appointments"]) == found
    _, one = await ask(acme, "/v1/appointments/2")
    assert one["appointment"]["datetime"] == "2026-03-03T19:30:00-07:00"


async def test_an_ehr_in_trouble_is_answered_with_retry_after(ask: Api, acme: Caller) -> None:
    ask.world.ehr.read_trouble = EhrDown()
    answer = await ask.http.get("/v1/appointments", params=WEEK, headers=acme.headers)
    assert (answer.status_code, answer.json()["error"]) == (503, "ehr_down")
    assert int(answer.headers["retry-after"]) > 0


async def test_an_account_that_needs_its_user_answers_the_contracts_403(ask: Api, acme: Caller) -> None:
    await ask.world.accounts.mark_login_required(acme.account, "locked")
    status, body = await ask(acme, "/v1/appointments", params=WEEK)
    assert status == 403
    assert body | {"request_id": ""} == {
        "success": False,
        "error": "login_required",
        "message": "Account link expired. Please go through the integration setup again.",
        "request_id": "",
    }
    assert ask.world.ehr.asked == []


def _bare(answer: tuple[int, Any]) -> tuple[int, Any]:
    status, body = answer
    return status, body | {"request_id": ""}


async def test_an_appointment_without_a_date_is_found_by_its_id_and_is_on_no_day(ask: Api, acme: Caller) -> None:
    ask.world.ehr.book = [FULL, msgspec.structs.replace(BARE, start=None)]
    status, one = await ask(acme, "/v1/appointments/2")
    assert (status, one["appointments"]["datetime"], one["appointments"]["ehr_appointment_id"]) == (200, None, "2")
    status, listed = await ask(acme, "/v1/appointments", params=WEEK)
    assert (status, [each["ehr_appointment_id"] for each in listed["appointments"]]) == (200, [FULL.ehr_id])


async def test_an_id_that_is_no_text_is_an_answer_that_nobody_understands(ask: Api, acme: Caller) -> None:
    number: Any = 7
    ask.world.ehr.book = [msgspec.structs.replace(BARE, ehr_id=number)]
    status, body = await ask(acme, "/v1/appointments", params=WEEK)
    assert (status, body["error"]) == (502, "ehr_unexpected")
