"""The whole way to the real Sandbox EHR: what its own API says is what our routes answer, live, filters and all."""

from datetime import date, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.records.conftest import Api, Caller, Charted, Doctor


def days(back: int = 3, on: int = 3) -> dict[str, str]:
    today = date.today()
    return {"start": str(today - timedelta(days=back)), "end": str(today + timedelta(days=on))}


def asked(span: dict[str, str]) -> dict[str, str]:
    return {"start_date": span["start"], "end_date": span["end"]}


async def test_the_schedule_is_the_ehrs_own_and_live(ask: Api, doctor: Doctor, chart: Charted) -> None:
    acme, span = await doctor(), days()
    theirs = (await chart("appointments", **span))["appointments"]
    status, body = await ask(acme, "/v1/appointments", params=asked(span))
    assert status == 200 and len(theirs) > 5
    ours = body["appointments"]
    assert [each["ehr_appointment_id"] for each in ours] == [each["id"] for each in theirs]
    for mine, original in zip(ours, theirs, strict=True):
        assert mine["datetime"] == original["start"]
        assert (mine["duration"], mine["patient_mrn"], mine["appointment_type"]) == (
            *(original["minutes"], original["patient"]["mrn"]),
            original["type"],
        )
    assert len({each["id"] for each in ours}) == len(ours)


async def test_every_filter_of_the_schedule_narrows_it_as_the_ehr_does(
    ask: Api, doctor: Doctor, chart: Charted
) -> None:
    acme, span = await doctor(), days()
    theirs = (await chart("appointments", **span))["appointments"]
    patient = theirs[0]["patient"]
    for name, value in (
        ("patient_mrn", patient["mrn"]),
        ("patient_name", patient["last_name"][:4].lower()),
        ("patient_phone", next(each["patient"]["phone"] for each in theirs if each["patient"]["phone"])),
        ("appointment_mode", "telemedicine"),
    ):
        sent = {"mode": "video"} if name == "appointment_mode" else {name: value}
        original = (await chart("appointments", **span, **sent))["appointments"]
        _, body = await ask(acme, "/v1/appointments", params={**asked(span), name: value})
        assert [each["ehr_appointment_id"] for each in body["appointments"]] == [each["id"] for each in original]
        assert 0 < len(original) < len(theirs), name


async def test_progress_notes_come_only_when_asked_for(ask: Api, doctor: Doctor) -> None:
    acme, span = await doctor(), asked(days(back=20))
    for flag, some in (("true", True), ("false", False), (None, False)):
        params = span if flag is None else {**span, "include_note": flag}
        _, body = await ask(acme, "/v1/appointments", params=params)
        assert any(each["progress_note"] for each in body["appointments"]) is some
    noted = next(each for each in (await _with_notes(ask, acme, span)) if each["progress_note"])
    _, one = await ask(acme, f"/v1/appointment/{noted['id']}")
    assert one["appointment"]["progress_note"] is None
    _, one = await ask(acme, f"/v1/appointment/{noted['id']}", params={"include_note": "true"})
    assert one["appointment"] == noted


async def test_one_appointment_by_either_id_on_either_path(ask: Api, doctor: Doctor) -> None:
    acme = await doctor()
    _, body = await ask(acme, "/v1/appointments", params=asked(days()))
    wanted = body["appointments"][2]
    for path in ("appointment", "appointments"):
        for either in (wanted["id"], wanted["ehr_appointment_id"]):
            _, one = await ask(acme, f"/v1/{path}/{either}")
            assert one["appointments"] == wanted
    assert (await ask(acme, "/v1/appointment/nobody-knows"))[0] == 404


async def test_patients_page_by_page_and_by_every_filter(ask: Api, doctor: Doctor, chart: Charted) -> None:
    acme = await doctor()
    total = (await chart("patients", limit=1))["total"]
    found, page = [], 1
    while True:
        _, body = await ask(acme, "/v1/patients", params={"page": page, "page_size": 30})
        assert body["pagination"] == {
            "current_page": page, "total_pages": -(-total // 30), "total_count": total, "page_size": 30,
        }  # fmt: skip
        if not body["patients"]:
            break
        found += body["patients"]
        page += 1
    assert len({each["id"] for each in found}) == len(found) == total
    someone = next(each for each in found if each["phone"] and each["dob"])
    for name in ("dob", "first_name", "last_name", "mrn", "ehr_id", "phone"):
        _, body = await ask(acme, "/v1/patients", params={name: someone[name]})
        assert someone in body["patients"], name
        assert len(body["patients"]) < total, name


async def test_the_practice_is_the_ehrs(ask: Api, doctor: Doctor, chart: Charted) -> None:
    acme = await doctor()
    for path in ("providers", "locations"):
        theirs = (await chart(path))[path]
        _, body = await ask(acme, f"/v1/{path}")
        assert [each["ehr_id"] for each in body[path]] == [each["id"] for each in theirs]
        assert {each["status"] for each in body[path]} <= {"active", "inactive"}
    settings = await chart("settings")
    _, body = await ask(acme, "/v1/settings")
    assert body["data"]["timezone"] == settings["timezone"]
    assert [each["code"] for each in body["data"]["visit_types"]] == [each["code"] for each in settings["visit_types"]]
    assert body["data"]["required_patient_fields"] == settings["required_patient_fields"]


async def test_names_are_found_as_people_type_them(ask: Api, doctor: Doctor, chart: Charted) -> None:
    acme = await doctor()
    names = ["O'Dálaigh", "O’Dálaigh", "O`DA\u0301LAIGH ", "\u00a0o\u2019da\u0301laigh", "L‘Écuyer", "l'e\u0301cuyer  "]
    found = [(await ask(acme, "/v1/patients", params={"last_name": name}))[1]["patients"] for name in names]
    assert [[each["last_name"] for each in patients] for patients in found] == [["O'Dálaigh"]] * 4 + [["L'Écuyer"]] * 2
    span = days(back=30, on=30)
    theirs = (await chart("appointments", **span, patient_mrn=found[0][0]["mrn"]))["appointments"]
    for name in ("Siobhan O’Dálaigh", "O’Dálaigh,Siobhán ", "o'da\u0301laigh   siobha\u0301n", "Siobhán"):
        _, body = await ask(acme, "/v1/appointments", params={**asked(span), "patient_name": name})
        assert [each["ehr_appointment_id"] for each in body["appointments"]] == [each["id"] for each in theirs], name
    assert theirs


async def test_an_ended_session_is_renewed_while_the_app_waits(ask: Api, doctor: Doctor, ehr: AsyncClient) -> None:
    acme = await doctor()
    await ehr.delete("/api/_lab/sessions")
    status, body = await ask(acme, "/v1/providers")
    assert status == 200 and body["providers"]


async def test_a_changed_password_ends_in_login_required_after_one_try(
    ask: Api, doctor: Doctor, ehr: AsyncClient
) -> None:
    # S-141
    acme = await doctor()
    await ehr.put("/api/_lab/users/user_good", json={"password": "pass_changed"})
    await ehr.delete("/api/_lab/sessions")
    before = (await ehr.get("/api/_lab/log")).json()["counts"]["login_attempts"]
    for _ in range(3):
        status, body = await ask(acme, "/v1/patients")
        assert (status, body["error"]) == (403, "login_required")
    assert (await ehr.get("/api/_lab/log")).json()["counts"]["login_attempts"] == before + 1


@pytest.mark.parametrize(
    ("switch", "status", "error"),
    [
        ({"down": True}, 503, "ehr_down"),
        ({"http_500": True}, 503, "ehr_down"),
        ({"busy": True}, 503, "ehr_busy"),
        ({"garbage": True}, 502, "ehr_unexpected"),
    ],
)
async def test_an_ehr_in_trouble_says_what_to_do(
    ask: Api, doctor: Doctor, ehr: AsyncClient, switch: dict[str, bool], status: int, error: str
) -> None:
    acme = await doctor()
    await ehr.put("/api/_lab/faults", json=switch)
    answer = await ask.http.get("/v1/providers", headers=acme.headers)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error)
    assert "Sandbox EHR" in body["message"]
    assert ("retry-after" in answer.headers) == (status == 503)
    await ehr.put("/api/_lab/faults", json={})
    assert (await ask(acme, "/v1/providers"))[0] == 200


async def test_a_user_without_the_right_is_told_whom_to_ask(ask: Api, doctor: Doctor, ehr: AsyncClient) -> None:
    acme = await doctor()
    await ehr.put("/api/_lab/users/user_good", json={"rights": ["schedule.read"]})
    await ehr.delete("/api/_lab/sessions")
    status, body = await ask(acme, "/v1/patients")
    assert (status, body["error"]) == (403, "no_rights")
    assert "administrator" in body["message"] and "patients.read" in body["message"]
    assert (await ask.world.again(acme.account)).health == "active"


async def test_two_clinics_of_one_user_never_share_an_id(ask: Api, doctor: Doctor) -> None:
    first = await doctor("Acme Scribe", "user_clinics", "1")
    second = await doctor("Rival Notes", "user_clinics", "2")
    _, ours = await ask(first, "/v1/providers")
    _, theirs = await ask(second, "/v1/providers")
    assert not {each["id"] for each in ours["providers"]} & {each["id"] for each in theirs["providers"]}
    assert first.account.tenant != second.account.tenant


async def _with_notes(ask: Api, acme: Caller, span: dict[str, str]) -> list[Any]:
    _, body = await ask(acme, "/v1/appointments", params={**span, "include_note": "true"})
    return body["appointments"]
