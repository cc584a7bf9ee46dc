"""New patients, their insurance plans, payers, and eligibility checks."""

from tests.sandbox_ehr.chart_cases import CREATES, PATIENT
from tests.support.sandbox_client import SandboxClient, refusal

JO = next(case.body for case in CREATES if case.path == "patients")
PLAN = {"payer_id": "P002", "member_id": "xy 12 3", "group": "g-7"}


async def test_a_new_patient_is_in_every_search_and_can_be_booked(ehr: SandboxClient, session: str) -> None:
    made = await ehr.make("patients", session, **JO, pharmacy_id="801", client_ref="new")
    assert made["pharmacies"] == [{"pharmacy_id": "801", "primary": True}]
    for query in ({"mrn": made["mrn"]}, {"first_name": "JO", "last_name": "marrow"}, {"phone": "5550199"}):
        found = (await ehr.read("patients", session, **query))["patients"]
        assert made in found
    assert (await ehr.read(f"patients/{made['id']}", session))["patient"] == made
    visit = {"provider_id": "501", "location_id": "101", "type": "NP", "start": "2026-12-01T10:00:00-05:00"}
    booked = await ehr.make("appointments", session, patient_id=made["id"], **visit)
    assert booked["patient"]["mrn"] == made["mrn"]


async def test_what_the_clinic_requires_is_enforced(ehr: SandboxClient, session: str) -> None:
    required = (await ehr.read("settings", session))["required_patient_fields"]
    response = await ehr.send("POST", "patients", session, {})
    assert refusal(response) == (422, "missing_fields")
    assert response.json()["missing"].split(", ") == required
    for name in ("first_name", "last_name", "dob", "sex", "phones"):
        response = await ehr.send("POST", "patients", session, {key: JO[key] for key in JO if key != name})
        assert response.json()["missing"] == ("phone" if name == "phones" else name)
    assert refusal(await ehr.send("POST", "patients", session, JO | {"dob": "2027-01-01"})) == (422, "invalid_value")
    for odd in (
        {"sex": "male"},
        {"dob": "1980-02-30"},
        {"phones": {"mobile": "2125550199"}},
        {"address": {"zip": "1"}},
    ):
        assert refusal(await ehr.send("POST", "patients", session, JO | odd)) == (400, "bad_request")


async def test_the_same_name_and_birth_date_is_a_duplicate_and_another_date_is_not(
    ehr: SandboxClient, session: str
) -> None:
    made = await ehr.make("patients", session, **JO)
    response = await ehr.send("POST", "patients", session, JO | {"first_name": "JÓ", "client_ref": "twice"})
    assert refusal(response) == (409, "duplicate_patient")
    assert (response.json()["patient_id"], response.json()["mrn"]) == (made["id"], made["mrn"])
    assert await ehr.written("twice") == {}
    other = await ehr.make("patients", session, **JO | {"dob": "1980-03-01"})
    assert other["mrn"] != made["mrn"]


async def test_a_change_keeps_what_it_leaves_out_and_the_old_address(ehr: SandboxClient, session: str) -> None:
    before = (await ehr.read(f"patients/{PATIENT}", session))["patient"]
    changed = await ehr.change(
        f"patients/{PATIENT}",
        session,
        phones={"home": "212-555-0190"},
        email="dana@example.com",
        address={"street": "1 New Road", "state": "nj"},
    )
    assert changed["phones"] == before["phones"] | {"home": "212-555-0190"}
    assert changed["address"] == before["address"] | {"street": "1 New Road", "state": "NJ"}
    assert changed["previous_addresses"] == [before["address"]]
    rest = {*before} - {"phones", "email", "address", "previous_addresses", "updated_at"}
    assert {name: changed[name] for name in rest} == {name: before[name] for name in rest}
    assert PATIENT in {one["id"] for one in (await ehr.read("patients", session, phone="212-555-0190"))["patients"]}
    again = await ehr.change(f"patients/{PATIENT}", session, address={"zip": "00299"}, keep_old_address=False)
    assert again["previous_addresses"] == [before["address"]]
    for odd, said in (({"address": {"zip": "x"}}, 422), ({"provider_id": "9"}, 422), ({"dob": "1990-01-01"}, 400)):
        assert refusal(await ehr.send("PATCH", f"patients/{PATIENT}", session, odd))[0] == said
    assert refusal(await ehr.send("PATCH", "patients/1", session, {})) == (404, "not_found")


async def test_the_ehr_corrects_a_member_id_and_says_so_in_the_audit(ehr: SandboxClient, session: str) -> None:
    patient = await ehr.make("patients", session, **JO, insurance=[PLAN], check_eligibility=True)
    assert (await ehr.read("eligibility-checks", session, patient_id=patient["id"]))["total"] == 1
    (row,) = (await ehr.read("insurances", session, patient_id=patient["id"]))["insurances"]
    assert (row["member_id"], row["group"], row["rank"], row["payer"]) == ("XY123", "G-7", 1, "Northlight Health Plan")
    audit = {entry["field"]: entry for entry in row["audit"]}
    assert (audit["member_id"]["attempted"], audit["member_id"]["after"]) == ("xy 12 3", "XY123")
    assert "capitals" in audit["member_id"]["note"]
    assert "attempted" not in audit["payer_id"]
    changed = await ehr.change(f"insurances/{row['id']}", session, member_id="ab1", copay=30)
    assert (changed["member_id"], changed["copay"], changed["group"]) == ("AB1", 30, "G-7")
    new = changed["audit"][len(row["audit"]) :]
    assert [(entry["field"], entry["before"], entry["after"]) for entry in new] == [
        ("member_id", "XY123", "AB1"),
        ("copay", 0, 30),
    ]
    assert new[0]["by"] == "Dana Goodwin"
    summary = (await ehr.read(f"patients/{patient['id']}", session))["patient"]["insurance"]
    assert summary == [
        {"rank": 1, "payer": "Northlight Health Plan", "member_id": "AB1", "group": "G-7", "subscriber": "Jo Marrow"}
    ]


async def test_a_patient_has_one_plan_of_each_rank_and_a_subscriber_has_a_name(
    ehr: SandboxClient, session: str
) -> None:
    patient = await ehr.make("patients", session, **JO)
    plan = PLAN | {"patient_id": patient["id"]}
    rows = [await ehr.make("insurances", session, **plan) for _ in range(3)]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert refusal(await ehr.send("POST", "insurances", session, plan)) == (409, "rank_taken")
    response = await ehr.send("PATCH", f"insurances/{rows[0]['id']}", session, {"rank": 2})
    assert refusal(response) == (409, "rank_taken")
    child = {"relation": "child"}
    response = await ehr.send("PATCH", f"insurances/{rows[0]['id']}", session, child)
    assert refusal(response) == (422, "missing_fields")
    named = child | {"subscriber": {"first_name": "Mo", "last_name": "Marrow", "state": "ny"}}
    changed = await ehr.change(f"insurances/{rows[0]['id']}", session, **named)
    assert changed["subscriber"]["state"] == "NY"
    assert (await ehr.read(f"patients/{patient['id']}", session))["patient"]["insurance"][0][
        "subscriber"
    ] == "Mo Marrow"
    for odd, said in (
        ({"payer_id": "P011"}, 422),
        ({"copay": -1}, 400),
        ({"rank": 4}, 400),
        ({"relation": "cat"}, 400),
    ):
        assert refusal(await ehr.send("POST", "insurances", session, plan | odd))[0] == said


async def test_payers_are_found_by_part_of_their_name_and_come_in_pages(ehr: SandboxClient, session: str) -> None:
    everything = (await ehr.read("payers", session, limit=200))["payers"]
    assert len(everything) >= 60
    pages = [await ehr.read("payers", session, offset=offset, limit=25) for offset in range(0, 75, 25)]
    assert [payer for page in pages for payer in page["payers"]] == everything
    assert [payer["name"] for payer in (await ehr.read("payers", session, name="MEADOW"))["payers"]] == [
        "Meadow Mutual"
    ]
    closed = (await ehr.read("payers", session, active=False))["payers"]
    assert closed == [payer for payer in everything if not payer["active"]] != []
    assert (await ehr.read("payers", session, id="P003", code="SBX03"))["total"] == 1


async def test_a_check_says_what_the_payer_knows_and_lists_its_benefits(ehr: SandboxClient, session: str) -> None:
    checks = (await ehr.read("eligibility-checks", session, limit=500))["eligibility_checks"]
    assert {check["status"] for check in checks} == {"active", "inactive", "error", "unknown"}
    for check in checks:
        active = check["status"] == "active"
        assert bool(check["message"]) != active
        assert bool(check["benefit_count"]) == active == (check["deductible"] is not None)
    some = await ehr.read("eligibility-checks", session, status="inactive", start="2026-11-20", end="2026-11-24")
    assert all("2026-11-20" <= each["service_date"] <= "2026-11-24" for each in some["eligibility_checks"])
    active = next(check for check in checks if check["status"] == "active")
    path = f"eligibility-checks/{active['id']}/benefits"
    found = await ehr.read(path, session)
    assert found["total"] == len(found["benefits"]) == active["benefit_count"]
    copays = (await ehr.read(path, session, type="co-payment"))["benefits"]
    assert {benefit["code"] for benefit in copays} == {"B"}
    assert (await ehr.read(path, session, offset=3, limit=2))["benefits"] == found["benefits"][3:5]
    assert all(benefit["raw"].startswith(f"EB*{benefit['code']}*") for benefit in found["benefits"])
    again = await ehr.make("eligibility-checks", session, insurance_id=active["insurance_id"])
    assert (again["status"], again["service_date"]) == ("active", "2026-11-24")
