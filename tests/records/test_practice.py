"""Providers, locations, settings, visit types and statuses: the practice itself, with what the org set on top."""

from datetime import time
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest

from cobalt_link.connector.models import Coded, Location, PracticeSettings, Provider, Shift
from cobalt_link.developers.org_settings import OrgChange, VisitType
from tests.accounts.tiny import TinyConnector
from tests.accounts.world import World
from tests.records.conftest import Api, Caller

HOURS = (
    Shift(weekday=7, start=time(9), end=time(10)),
    Shift(weekday=1, start=time(13, 30), end=time(17)),
    Shift(weekday=1, start=time(8), end=time(12), location_ehr_id="2452", location_name="Main"),
)
PATHS = ("/v1/providers", "/v1/locations", "/v1/settings", "/v1/visit-types", "/v1/visit-statuses")


@pytest.fixture(autouse=True)
async def practice(world: World) -> None:
    world.ehr.doctors = [
        Provider(ehr_id="99999", name="Doe, John", npi="1234567893", timezone="America/Phoenix", hours=HOURS),
        Provider(ehr_id="8", name="Roe, Jane", active=False),
    ]
    world.ehr.places = [
        Location(ehr_id="2452", name="Main", address1="1 Main St", city="Tucson", state="AZ", zip="85701", phone="5"),
        Location(ehr_id="3", name="Old", active=False),
    ]
    world.ehr.practice = PracticeSettings(
        timezone="America/New_York",
        visit_types=(Coded(code="fu", description="Follow-up"),),
        visit_statuses=(Coded(code="CANC", description="Cancelled in advance"),),
        required_patient_fields=("first_name", "dob"),
    )


async def test_providers_have_every_documented_key(ask: Api, acme: Caller) -> None:
    # contract §4.3
    status, body = await ask(acme, "/v1/providers")
    assert (status, body["success"]) == (200, True)
    first, second = body["providers"]
    assert len(first["id"]) == 32 and first["id"] != second["id"]
    assert first | {"id": ""} == {
        "id": "",
        "ehr_id": "99999",
        "name": "Doe, John",
        "npi": "1234567893",
        "timezone": "America/Phoenix",
        "status": "active",
        "hide_in_availability": False,
        "hours": [
            {
                "day": "Monday",
                "shifts": [
                    {
                        "start": "T08:00:00",
                        "end": "T12:00:00",
                        "facility_id": "2452",
                        "facility_name": "Main",
                        "set_start_date": None,
                        "set_end_date": None,
                        "set_description": None,
                        "visit_type_rules": [],
                        "recurrence": {
                            "rec_start_date": None,
                            "rec_end_date": None,
                            "recur_interval_type": "weeks",
                            "recur_interval_amount": "1",
                            "recur_interval_description": "Every 1 week.",
                        },
                    },
                    {
                        "start": "T13:30:00",
                        "end": "T17:00:00",
                        "facility_id": None,
                        "facility_name": None,
                        "set_start_date": None,
                        "set_end_date": None,
                        "set_description": None,
                        "visit_type_rules": [],
                        "recurrence": {
                            "rec_start_date": None,
                            "rec_end_date": None,
                            "recur_interval_type": "weeks",
                            "recur_interval_amount": "1",
                            "recur_interval_description": "Every 1 week.",
                        },
                    },
                ],
            },
            {"day": "Sunday", "shifts": [ANY]},
        ],
    }
    assert (second["status"], second["npi"], second["timezone"]) == ("inactive", None, None)


async def test_locations_have_every_documented_key(ask: Api, acme: Caller) -> None:
    # contract §4.4
    _, body = await ask(acme, "/v1/locations")
    first, second = body["locations"]
    assert first | {"id": ""} == {
        "id": "",
        "ehr_id": "2452",
        "name": "Main",
        "status": "active",
        "address": {"address1": "1 Main St", "address2": "", "city": "Tucson", "state": "AZ", "zip": "85701"},
        "phone": "5",
        "fax": None,
    }
    assert second["status"] == "inactive"


async def test_settings_are_the_ehrs_where_the_org_set_nothing(ask: Api, acme: Caller) -> None:
    # contract §4.1
    status, body = await ask(acme, "/v1/settings")
    assert status == 200
    assert body == {
        "success": True,
        "data": {
            "access_token_reference_id": "dr_ann",
            "visit_types": [{"code": "fu", "description": "Follow-up"}],
            "visit_statuses": [{"code": "CANC", "description": "Cancelled in advance"}],
            "required_patient_fields": ["first_name", "dob"],
            "timezone": "America/New_York",
        },
    }
    _, types = await ask(acme, "/v1/visit-types")
    _, statuses = await ask(acme, "/v1/visit-statuses")
    assert types == {"success": True, "visit_types": body["data"]["visit_types"]}
    assert statuses == {"success": True, "visit_statuses": body["data"]["visit_statuses"]}


async def test_what_the_org_set_wins(ask: Api, acme: Caller) -> None:
    change = OrgChange(time_zone="America/Denver", visit_types=[VisitType("np", "New patient")])
    await ask.world.orgs.change(acme.client, "riverside", change)
    _, body = await ask(acme, "/v1/settings")
    assert body["data"]["timezone"] == "America/Denver"
    assert body["data"]["visit_types"] == [{"code": "np", "description": "New patient"}]
    assert body["data"]["visit_statuses"] == [{"code": "CANC", "description": "Cancelled in advance"}]
    assert (await ask(acme, "/v1/visit-types"))[1]["visit_types"] == body["data"]["visit_types"]
    _, doctors = await ask(acme, "/v1/providers")
    assert {each["timezone"] for each in doctors["providers"]} == {"America/Denver"}


async def test_an_ehr_without_settings_leaves_those_of_the_org(
    ask: Api, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = TinyConnector.manifest
    reads = {name: filters for name, filters in manifest.reads.items() if name != "settings"}
    monkeypatch.setattr(TinyConnector, "manifest", msgspec.structs.replace(manifest, reads=reads))
    await ask.world.orgs.change(acme.client, "riverside", OrgChange(time_zone="America/Denver"))
    status, body = await ask(acme, "/v1/settings")
    assert (status, body["data"]["timezone"], body["data"]["visit_statuses"]) == (200, "America/Denver", [])
    status, body = await ask(acme, "/v1/visit-statuses")
    assert (status, body["error"]) == (400, "not_supported")
    assert body["message"] == "Tiny EHR does not offer settings. Leave this call out for Tiny EHR."


async def test_the_label_is_set_and_comes_back(ask: Api, acme: Caller) -> None:
    sent = {"access_token_reference_id": "at_ref_123456789"}
    status, body = await ask(acme, "/v1/settings", "POST", json=sent)
    assert (status, body) == (200, {"success": True, "data": sent})
    assert (await ask(acme, "/v1/settings"))[1]["data"]["access_token_reference_id"] == "at_ref_123456789"
    assert ask.world.ehr.attempts == 0


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "Missing required field: access_token_reference_id"),
        ({"access_token_reference_id": ""}, "Missing required field: access_token_reference_id"),
        (
            {"access_token_reference_id": "x", "timezone": "America/Denver"},
            "Unexpected fields in request body: timezone",
        ),
        ({"access_token_reference_id": "x" * 201}, "access_token_reference_id"),
    ],
)
async def test_nothing_but_a_label_can_be_set(ask: Api, acme: Caller, sent: dict[str, Any], message: str) -> None:
    status, body = await ask(acme, "/v1/settings", "POST", json=sent)
    assert status == 400 and message in body["message"]
    assert (await ask.world.again(acme.account)).reference == "dr_ann"


async def test_the_rivals_token_reads_nothing_anywhere(ask: Api, acme: Caller, rival: Caller) -> None:
    # S-004
    stolen = type(acme)(rival.client, rival.secret, rival.account, acme.token)
    made_up = type(acme)(rival.client, rival.secret, rival.account, "493JKLHIU98789hLKH9HHJH")
    for path in (*PATHS, "/v1/patients", "/v1/appointments", "/v1/appointments/2"):
        answers = [await ask(who, path) for who in (stolen, made_up)]
        assert [status for status, _ in answers] == [401, 401]
        first, second = (body | {"request_id": ""} for _, body in answers)
        assert first == second
    assert (await ask(stolen, "/v1/settings", "POST", json={"access_token_reference_id": "mine"}))[0] == 401
    assert (await ask.world.again(acme.account)).reference == "dr_ann"
    assert ask.world.ehr.asked == []


async def test_every_read_leaves_an_audit_row_with_its_request_id(ask: Api, acme: Caller) -> None:
    for path in PATHS:
        await ask.http.get(path, headers={**acme.headers, "X-Request-Id": f"req-{path[4:].replace('/', '-')}"})
    rows = await ask.world.db.rows("SELECT request_id FROM audit WHERE what = 'read' ORDER BY id")
    assert [row["request_id"] for row in rows] == [f"req-{path[4:]}" for path in PATHS]
