"""FHIR reads and searches over the clinic's chart."""

from typing import Any

import pytest

from tests.sandbox_ehr.conftest import NOON
from tests.support.sandbox_client import SandboxClient
from tests.support.smart_app import SmartApp, resources


@pytest.fixture
async def app(ehr: SandboxClient) -> SmartApp:
    await ehr.lab("clock", {"now": NOON, "frozen": True})
    app = SmartApp(ehr.http)
    await app.register()
    return app


@pytest.fixture
async def token(app: SmartApp) -> str:
    return (await app.tokens())["access_token"]


async def test_the_capability_statement_says_what_the_server_does(app: SmartApp, token: str) -> None:
    statement = (await app.http.get("/fhir/r4/metadata")).json()
    assert (statement["fhirVersion"], statement["kind"]) == ("4.0.1", "instance")
    (rest,) = statement["rest"]
    uris = {each["url"]: each["valueUri"] for each in rest["security"]["extension"][0]["extension"]}
    assert uris["token"] == (await app.discovered())["token_endpoint"]
    for resource in rest["resource"]:
        offered = {each["code"] for each in resource["interaction"]}
        found = await app.get(resource["type"], token, {"_count": "1"})
        assert (found.status_code == 200) == ("search-type" in offered), resource["type"]
        assert "read" in offered
    unknown = await app.get("Medication", token)
    assert (unknown.status_code, unknown.json()["resourceType"]) == (404, "OperationOutcome")


async def test_a_read_has_the_data_of_the_portal(app: SmartApp, ehr: SandboxClient, token: str) -> None:
    session = await ehr.session()
    portal = (await ehr.read("patients", session, id="10003"))["patients"][0]
    patient = await app.read("Patient/10003", token)
    assert patient["name"][0]["family"] == portal["last_name"]
    assert patient["name"][0]["given"] == [portal["first_name"], portal["middle_name"]]
    assert (patient["birthDate"], patient["gender"]) == (portal["dob"], "female")
    assert patient["identifier"][0]["value"] == portal["mrn"]
    visit = (await ehr.read("appointments", session, start="2026-11-24", end="2026-11-24", limit=1))["appointments"][0]
    appointment = await app.read(f"Appointment/{visit['id']}", token)
    assert (appointment["start"], appointment["minutesDuration"]) == (visit["start"], visit["minutes"])
    actors = {each["actor"]["reference"] for each in appointment["participant"]}
    assert {f"Patient/{visit['patient']['id']}", f"Practitioner/{visit['provider_id']}"} <= actors
    assert f"Location/{visit['location_id']}" in actors


async def test_etags_spare_a_body_and_a_version_is_in_the_resource(app: SmartApp, token: str) -> None:
    first = await app.get("Patient/10001", token)
    assert first.headers["etag"] == f'W/"{first.json()["meta"]["versionId"]}"'
    assert first.headers["content-type"] == "application/fhir+json;charset=utf-8"
    again = await app.get("Patient/10001", token, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


async def test_each_parameter_finds_what_it_names(app: SmartApp, token: str) -> None:
    day = "2026-11-24"
    cases: list[tuple[str, dict[str, str], str]] = [
        ("Patient", {"family": "bellweather"}, "10002"),
        ("Patient", {"name": "jose", "birthdate": "lt1960"}, "10004"),
        ("Patient", {"identifier": "https://sandbox-ehr.example/fhir/mrn|R490001"}, "10001"),
        ("Patient", {"_id": "10001,10002", "gender": "male"}, "10002"),
        ("Practitioner", {"identifier": "1000000017"}, "501"),
        ("Practitioner", {"active": "false"}, "505"),
        ("PractitionerRole", {"practitioner": "Practitioner/502"}, "role-502"),
        ("PractitionerRole", {"practitioner": f"{app.fhir}/Practitioner/502"}, "role-502"),
        ("Location", {"name": "Riverside North"}, "102"),
        ("Organization", {"type": "prov"}, "clinic-1"),
        ("Schedule", {"actor": "Practitioner/503"}, "503-102"),
        ("Appointment", {"_id": "2026112450100", "date": day}, "2026112450100"),
    ]
    for kind, query, expected in cases:
        assert [each["id"] for each in resources(await app.read(kind, token, query))] == [expected], (kind, query)


async def test_a_schedule_is_found_by_day_person_place_and_status(app: SmartApp, token: str) -> None:
    async def found(kind: str, **query: Any) -> list[dict[str, Any]]:
        return resources(await app.read(kind, token, {"_count": "200", **query}))

    day = await found("Appointment", date="2026-11-24")
    assert {each["start"][:10] for each in day} == {"2026-11-24"}
    assert [each["start"] for each in day] == sorted(each["start"] for each in day)
    closed = await found("Appointment", date=["ge2026-11-24T00:00:00-05:00", "lt2026-11-25T00:00:00-05:00"])
    assert closed == day
    mine = await found("Appointment", date="2026-11-24", practitioner="501")
    assert 0 < len(mine) < len(day)
    assert {each["id"] for each in mine} <= {each["id"] for each in day}
    here = await found("Appointment", date="2026-11-24", location="Location/101")
    off = await found("Appointment", date="2026-11-24", status="cancelled,noshow")
    rest = await found("Appointment", **{"date": "2026-11-24", "status:not": "cancelled,noshow"})
    assert len(off) + len(rest) == len(day)
    assert 0 < len(here) < len(day)
    free = await found("Slot", start="2026-11-25", status="free", schedule="503-102")
    assert free
    assert {each["schedule"]["reference"] for each in free} == {"Schedule/503-102"}
    assert {each["start"][:10] for each in free} == {"2026-11-25"}
    wrong = await app.get("Appointment", token, {"date": "yesterday"})
    assert (wrong.status_code, wrong.json()["issue"][0]["code"]) == (400, "invalid")


async def test_pages_follow_one_another_without_a_gap_or_a_repeat(app: SmartApp, token: str) -> None:
    page = await app.read("Patient", token, {"_count": "70", "_sort": "-birthdate"})
    assert page["total"] == 300
    ids = [each["id"] for each in resources(page)]
    while links := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        page = await app.read(links[0], token)
        ids += [each["id"] for each in resources(page)]
    assert (len(ids), len(set(ids))) == (300, 300)
    assert (await app.get("Patient", token, {"_page": "made-up"})).status_code == 400


async def test_includes_bring_what_the_matches_point_to(app: SmartApp, token: str) -> None:
    query = {"date": "2026-11-24", "_count": "5", "_include": ["Appointment:patient", "Appointment:actor:Location"]}
    whole = await app.read("Appointment", token, query)
    modes = [(each["search"]["mode"], each["resource"]["resourceType"]) for each in whole["entry"]]
    assert modes.count(("match", "Appointment")) == 5
    assert {kind for mode, kind in modes if mode == "include"} == {"Patient", "Location"}
    whole = await app.read("Slot", token, {"start": "2026-11-24", "_count": "1", "_include": "Slot:schedule"})
    assert len(resources(whole, "Schedule")) == 1
    query = {"start": "2026-11-24", "_count": "1", "_include": "Slot:schedule"} | {"_include:iterate": "Schedule:actor"}
    kinds = {each["resourceType"] for each in resources(await app.read("Slot", token, query))}
    assert kinds == {"Slot", "Schedule", "Practitioner", "Location"}


async def test_an_unknown_parameter_is_a_warning_or_an_error_as_the_client_prefers(app: SmartApp, token: str) -> None:
    whole = await app.read("Location", token, {"colour": "red"})
    assert [each["search"]["mode"] for each in whole["entry"]] == ["match", "match", "match", "outcome"]
    strict = await app.get("Location", token, {"colour": "red"}, prefer="handling=strict")
    assert strict.status_code == 400
    posted = await app.http.post(
        "/fhir/r4/Location/_search", data={"name": "Riverside North"}, headers={"authorization": f"Bearer {token}"}
    )
    assert [each["id"] for each in resources(posted.json())] == ["102"]


async def test_a_user_without_the_right_and_a_request_without_a_token_get_nothing(
    app: SmartApp, ehr: SandboxClient
) -> None:
    user = {"password": "pass_good", "rights": ["patients.read"]}
    await ehr.lab("users/narrow", user)
    token = (await app.tokens(username="narrow"))["access_token"]
    assert (await app.get("Patient/10001", token)).status_code == 200
    assert (await app.get("Appointment", token)).status_code == 403
    assert (await app.get("Patient/20001", token)).status_code == 404
    assert (await app.http.get("/fhir/r4/Patient/10001")).status_code == 401
    assert (await ehr.lab("log"))["requests"][-2]["username"] == "narrow"


async def test_a_scope_with_a_limit_opens_only_what_matches_it(app: SmartApp) -> None:
    tokens = await app.tokens("user/Appointment.rs?status=cancelled user/Patient.r")
    found = resources(await app.read("Appointment", tokens["access_token"], {"_count": "200"}))
    assert {each["status"] for each in found} == {"cancelled"}
    assert (await app.get("Patient", tokens["access_token"])).status_code == 403
    assert (await app.get("Patient/10001", tokens["access_token"])).status_code == 200
