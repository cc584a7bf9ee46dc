"""Reading the chart over the API: filters, pages, rights and the members of each answer."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.support.sandbox_client import SandboxClient, refusal

NOON = "2026-11-24T12:00:00-05:00"  # a Tuesday


@pytest.fixture
async def session(ehr: SandboxClient) -> str:
    await ehr.lab("clock", {"now": NOON, "frozen": True})
    return await ehr.session()


async def last_names(ehr: SandboxClient, session: str, **query: Any) -> list[str]:
    return [one["last_name"] for one in (await ehr.read("patients", session, **query))["patients"]]


async def visits(ehr: SandboxClient, session: str, **query: Any) -> list[dict[str, Any]]:
    """All visits that match, from every page, unless the query asks for one page."""
    query = {"start": "2026-11-01", "end": "2026-12-10"} | query
    found = (await ehr.read("appointments", session, **query))["appointments"]
    while found and not query.keys() & {"offset", "limit"}:
        page = await ehr.read("appointments", session, **query, offset=len(found))
        found += page["appointments"]
        if not page["appointments"]:
            assert page["total"] == len(found)
            break
    return found


async def test_a_patient_has_every_documented_member(ehr: SandboxClient, session: str) -> None:
    answer = await ehr.read("patients", session, mrn="R490003")
    assert answer.keys() == {"patients", "total", "offset", "limit"}
    (patient,) = answer["patients"]
    assert (patient["first_name"], patient["last_name"]) == ("María José", "Fernández de la Vega y Montenegro")
    assert patient.keys() == {
        *("id", "mrn", "first_name", "middle_name", "last_name", "dob", "sex"),
        *("phones", "email", "no_email_reason", "address", "previous_addresses", "language", "insurance"),
        *("provider_id", "primary_care", "primary_care_id", "referred_by", "referred_by_id", "responsible_party"),
        *("emergency_contact", "medications", "pharmacies", "client_ref", "created_at", "updated_at", "created_by"),
    }
    assert patient["phones"].keys() == {"home", "mobile"}
    assert patient["address"].keys() == {"street", "line2", "city", "state", "zip"}


async def test_patients_are_found_by_every_filter(ehr: SandboxClient, session: str) -> None:
    (zoe,) = (await ehr.read("patients", session, first_name="Zoë"))["patients"]
    assert await last_names(ehr, session, id=zoe["id"]) == [zoe["last_name"]]
    assert await last_names(ehr, session, mrn=zoe["mrn"]) == [zoe["last_name"]]
    assert zoe["last_name"] in await last_names(ehr, session, dob=zoe["dob"])
    assert await last_names(ehr, session, phone=zoe["phones"]["mobile"]) == [zoe["last_name"]]
    area, rest = zoe["phones"]["mobile"].split("-", 1)
    assert await last_names(ehr, session, phone=f"({area}) {rest}") == [zoe["last_name"]]
    assert await last_names(ehr, session, first_name="zoe", last_name="BRONTES") == [zoe["last_name"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"last_name": "ńdez"}, 3),
        ({"last_name": "hernandez", "first_name": "guada"}, 2),
        ({"first_name": "анна"}, 1),
        ({"last_name": "王"}, 0),
        ({"first_name": "王"}, 1),
        ({"last_name": "%"}, 0),
        ({"last_name": "' OR 1=1 --"}, 0),
        ({"last_name": "O'DALAIGH"}, 1),
        ({"dob": "1900-01-01"}, 0),
        ({"mrn": "R49000"}, 0),
    ],
)
async def test_names_match_in_part_without_regard_to_case_and_accents(
    ehr: SandboxClient, session: str, query: dict[str, str], found: int
) -> None:
    assert (await ehr.read("patients", session, **query))["total"] == found


async def test_the_pages_of_patients_have_every_patient_once(ehr: SandboxClient, session: str) -> None:
    seen: list[str] = []
    while True:
        page = await ehr.read("patients", session, offset=len(seen), limit=90)
        seen += [one["id"] for one in page["patients"]]
        if not page["patients"]:
            break
    assert page["total"] == len(seen) == len(set(seen)) == 300


@pytest.mark.parametrize(
    "query",
    [{"surname": "x"}, {"dob": "24.11.1980"}, {"limit": 0}, {"limit": 201}, {"offset": -1}, {"phone": "()"}],
)
async def test_an_invalid_patient_query_is_refused_and_not_ignored(
    ehr: SandboxClient, session: str, query: dict[str, Any]
) -> None:
    assert refusal(await ehr.get("patients", session, **query)) == (400, "bad_request")


async def test_a_repeated_parameter_is_refused(ehr: SandboxClient, session: str) -> None:
    headers = {"Authorization": f"Bearer {session}"}
    response = await ehr.http.get("/api/patients?mrn=1&mrn=2", headers=headers)
    assert refusal(response) == (400, "bad_request")


async def test_an_appointment_has_every_documented_member(ehr: SandboxClient, session: str) -> None:
    (first, *_) = await visits(ehr, session, start="2026-11-24", end="2026-11-24")
    assert first.keys() == {
        *("id", "start", "minutes", "status", "type", "mode", "location_id", "provider_id", "second_provider_id"),
        *("patient", "reason", "complaint", "note", "new_patient", "diagnoses", "medications", "insurance"),
        *("client_ref", "created_at", "updated_at", "created_by"),
    }
    assert first["patient"].keys() == {"id", "mrn", "first_name", "last_name", "dob", "sex", "phone"}
    assert first["start"] == "2026-11-24T08:00:00-05:00"
    one = (await ehr.read(f"appointments/{first['id']}", session))["appointment"]
    assert one.pop("progress_note").startswith("Seen for")
    assert one == first


async def test_the_schedule_covers_thirty_days_before_and_after_today(ehr: SandboxClient, session: str) -> None:
    found = await visits(ehr, session, start="2026-09-01", end="2027-02-01")
    days = {datetime.fromisoformat(visit["start"]).date() for visit in found}
    today = date(2026, 11, 24)
    assert days == {today + timedelta(days=away) for away in range(-30, 31)}


async def test_start_and_end_are_local_days_and_both_are_included(ehr: SandboxClient, session: str) -> None:
    found = await visits(ehr, session, start="2026-11-23", end="2026-11-24")
    assert {visit["start"][:10] for visit in found} == {"2026-11-23", "2026-11-24"}
    assert found == sorted(found, key=lambda visit: (visit["start"], visit["id"]))


async def test_offsets_follow_daylight_saving_time(ehr: SandboxClient) -> None:
    await ehr.lab("clock", {"now": "2026-11-01T12:00:00-05:00", "frozen": True})
    session = await ehr.session()
    for day, offset in (("2026-10-31", "-04:00"), ("2026-11-02", "-05:00")):
        found = await visits(ehr, session, start=day, end=day)
        assert {visit["start"][-6:] for visit in found} == {offset}


async def test_appointments_are_found_by_every_filter(ehr: SandboxClient, session: str) -> None:
    everything = await visits(ehr, session)
    patient = next(visit["patient"] for visit in everything if visit["patient"]["phone"])
    theirs = [visit for visit in everything if visit["patient"]["mrn"] == patient["mrn"]]
    assert await visits(ehr, session, patient_mrn=patient["mrn"]) == theirs
    first_last, last_first = "{first_name} {last_name}".format(**patient), "{last_name}, {first_name}".format(**patient)
    for name in (first_last, first_last.upper(), last_first):
        assert await visits(ehr, session, patient_name=name) == theirs
    by_phone = await visits(ehr, session, patient_phone=patient["phone"])
    assert {visit["patient"]["phone"] for visit in by_phone} == {patient["phone"]}
    video = await visits(ehr, session, mode="video")
    assert video == [visit for visit in everything if visit["mode"] == "video"] != []
    assert len(await visits(ehr, session, mode="office")) + len(video) == len(everything)


async def test_the_pages_of_appointments_have_every_visit_once(ehr: SandboxClient, session: str) -> None:
    everything = await visits(ehr, session)
    pages = [await visits(ehr, session, offset=offset, limit=300) for offset in range(0, len(everything), 300)]
    assert [visit for page in pages for visit in page] == everything


@pytest.mark.parametrize(
    "query",
    [
        {"end": "2026-11-24"},
        {"start": "2026-11-24", "end": "2026-11-23"},
        {"start": "2026-01-01", "end": "2027-01-02"},
        {"start": "2026-11-24T00:00:00Z", "end": "2026-11-24"},
        {"start": "2026-11-24", "end": "2026-11-24", "mode": "telepathy"},
        {"start": "2026-11-24", "end": "2026-11-24", "patient_phone": "none"},
        {"start": "2026-11-24", "end": "2026-11-24", "status": "DONE"},
    ],
)
async def test_an_invalid_appointment_query_is_refused(ehr: SandboxClient, session: str, query: dict[str, str]) -> None:
    assert refusal(await ehr.get("appointments", session, **query)) == (400, "bad_request")


async def test_the_status_of_a_visit_follows_the_clock(ehr: SandboxClient, session: str) -> None:
    seen: dict[str, set[str]] = {}
    for now in ("2026-11-24T07:00:00-05:00", NOON, "2026-11-24T18:00:00-05:00"):
        await ehr.lab("clock", {"now": now, "frozen": True})
        session = await ehr.session()
        seen[now] = {visit["status"] for visit in await visits(ehr, session, start="2026-11-24", end="2026-11-24")}
    before, noon, after = seen.values()
    assert before <= {"SCHED", "CONF", "CANC", "R/S"}
    assert {"DONE", "CONF"} <= noon
    assert after <= {"DONE", "NOSHOW", "CANC", "R/S"}


async def test_a_visit_under_way_is_checked_in(ehr: SandboxClient, session: str) -> None:
    await ehr.lab("clock", {"now": "2026-11-24T08:10:00-05:00", "frozen": True})
    session = await ehr.session()
    found = await visits(ehr, session, start="2026-11-24", end="2026-11-24")
    assert "CHKIN" in {visit["status"] for visit in found if visit["start"].startswith("2026-11-24T08:00")}


async def test_notes_and_diagnoses_exist_once_the_visit_is_over_and_notes_only_on_request(
    ehr: SandboxClient, session: str
) -> None:
    plain = await visits(ehr, session)
    noted = await visits(ehr, session, include="progress_note")
    assert not any("progress_note" in visit for visit in plain)
    assert any(visit["progress_note"] for visit in noted)
    for visit in noted:
        if visit["status"] != "DONE":
            assert not visit["progress_note"]
            assert not visit["diagnoses"]


async def test_an_unknown_appointment_or_one_of_another_clinic_is_not_found(ehr: SandboxClient, session: str) -> None:
    (visit, *_) = await visits(ehr, session, limit=1)
    assert refusal(await ehr.get("appointments/1", session)) == (404, "not_found")
    other = await ehr.step("clinic", await ehr.challenge("user_clinics"), clinic="2")
    response = await ehr.get(f"appointments/{visit['id']}", other.json()["session"])
    assert refusal(response) == (404, "not_found")


async def test_providers_locations_and_settings_agree_with_the_schedule(ehr: SandboxClient, session: str) -> None:
    providers = {one["id"]: one for one in (await ehr.read("providers", session))["providers"]}
    places = {one["id"]: one for one in (await ehr.read("locations", session))["locations"]}
    settings = await ehr.read("settings", session)
    types = {one["code"] for one in settings["visit_types"]}
    statuses = {one["code"] for one in settings["visit_statuses"]}
    for visit in await visits(ehr, session):
        hours = {hour["weekday"]: hour for hour in providers[visit["provider_id"]]["hours"]}
        starts = datetime.fromisoformat(visit["start"])
        shift = hours[starts.isoweekday()]
        assert shift["location_id"] == visit["location_id"]
        assert shift["start"] <= visit["start"][11:16]
        assert (starts + timedelta(minutes=visit["minutes"])).strftime("%H:%M") <= shift["end"]
        assert visit["location_id"] in places
        assert visit["type"] in types
        assert visit["status"] in statuses
    assert {one["active"] for one in providers.values()} == {True, False}
    assert settings["timezone"] == "America/New_York"
    assert settings["session_idle_seconds"] == 900


@pytest.mark.parametrize(
    ("rights", "readable"),
    [(["patients.read"], {"patients"}), (["schedule.read"], {"appointments", "providers", "locations"}), ([], set())],
)
async def test_each_right_allows_its_own_calls(ehr: SandboxClient, rights: list[str], readable: set[str]) -> None:
    await ehr.lab("users/user_good", {"rights": rights})
    session = await ehr.session()
    day = {"start": "2026-11-24", "end": "2026-11-24"}
    for path in ("patients", "appointments", "providers", "locations"):
        response = await ehr.get(path, session, **(day if path == "appointments" else {}))
        if path in readable:
            assert response.status_code == 200
        else:
            assert refusal(response) == (403, "no_rights")
            assert response.json()["missing"] == ("patients.read" if path == "patients" else "schedule.read")
    assert (await ehr.get("settings", session)).status_code == 200
