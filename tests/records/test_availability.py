"""Availability over HTTP: the contract's parameters and keys, what the app has set for its org, the EHR's own slots."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
import pytest

from cobalt_link.connector.models import Appointment, Location, Patient, Provider, Shift
from cobalt_link.developers.org_settings import OrgChange
from tests.accounts.tiny import TinyConnector
from tests.accounts.world import World
from tests.records.conftest import Api, Caller, Charted, Doctor

FRIDAY = date(2024, 4, 5)
DAY = {"start_date": "2024-04-05", "end_date": "2024-04-05"}
HOURS = (Shift(weekday=5, start=time(8), end=time(17), location_ehr_id="1", location_name="Main St Clinic"),)
ANA = Patient(ehr_id="p-1", mrn="414421", first_name="Ana", last_name="Betz")


def visit(number: int, hour: int, **more: Any) -> Appointment:
    start = datetime(2024, 4, 5, hour + 7, tzinfo=UTC)  # in Los Angeles
    wanted: dict[str, Any] = {
        "duration": 30,
        "provider_ehr_id": "3498234",
        "appointment_type": "FU",
        "location_ehr_id": "1",
        **more,
    }
    return Appointment(ehr_id=f"a-{number}", start=start, patient=ANA, **wanted)


@pytest.fixture(autouse=True)
async def practice(world: World) -> None:
    world.ehr.doctors = [
        Provider(ehr_id="3498234", name="Doe, John", timezone="America/Los_Angeles", hours=HOURS),
        Provider(ehr_id="8", name="Roe, Jane", timezone="America/Los_Angeles"),
        Provider(ehr_id="9", name="Gone, Al", active=False, hours=HOURS),
    ]
    world.ehr.places = [Location(ehr_id="1", name="Main St Clinic"), Location(ehr_id="2", name="Annex")]


async def ranges(ask: Api, who: Caller, **asked: Any) -> list[tuple[str, str]]:
    status, body = await ask(who, "/v1/availability", params=DAY | asked)
    assert status == 200, body
    return [(each["range_start"][11:16], each["range_end"][11:16]) for each in body["results"]["availability"]]


async def test_a_free_day_has_every_documented_key(ask: Api, acme: Caller) -> None:
    # contract §4.6
    status, body = await ask(acme, "/v1/availability", params=DAY)
    assert status == 200
    assert body == {
        "success": True,
        "results": {
            "availability": [
                {
                    "day_of_week": 5,
                    "date": "2024-04-05",
                    "duration_string": "9h",
                    "range_start": "2024-04-05T08:00:00.000-07:00",
                    "range_end": "2024-04-05T17:00:00.000-07:00",
                    "provider_id": "3498234",
                    "facility_id": "1",
                    "facility_name": "Main St Clinic",
                    "provider_name": "John Doe",
                    "timezone_abbr": "PDT",
                }
            ]
        },
        "timezone": "America/Los_Angeles",
        "partial": False,
        "partial_reason": None,
    }


async def test_every_parameter_does_what_it_says(ask: Api, acme: Caller) -> None:
    ask.world.ehr.book = [
        visit(1, 9), visit(2, 10, appointment_type="NP"), visit(3, 12, cancelled=True),
        visit(4, 13, provider_ehr_id="8", secondary_provider_ehr_id="3498234"),
        visit(5, 15, location_ehr_id="2"),
    ]  # fmt: skip
    gaps = [("08:00", "09:00"), ("09:30", "10:00"), ("10:30", "15:00"), ("15:30", "17:00")]
    assert await ranges(ask, acme) == gaps
    assert await ranges(ask, acme, calculation_method="GAPS", start_date="2024-04-05T09:30:00-05:00") == gaps
    assert await ranges(ask, acme, provider_type="secondary") == [("08:00", "13:00"), ("13:30", "17:00")]
    buffered = [("08:00", "09:00"), ("09:40", "10:00"), ("10:40", "15:00"), ("15:40", "17:00")]
    assert await ranges(ask, acme, buffer="10") == await ranges(ask, acme, buffer=10, visit_type="ALL") == buffered
    assert (await ranges(ask, acme, buffer="10", visit_type="np"))[1:3] == [("09:30", "10:00"), ("10:40", "15:00")]
    assert await ranges(ask, acme, daily_appointment_limit="1", daily_limit_type="np") == []
    assert await ranges(ask, acme, daily_appointment_limit="2", daily_limit_type="np") == gaps
    assert await ranges(ask, acme, facility_scoped_scheduling="true") == [*gaps[:2], ("10:30", "17:00")]
    assert (await ranges(ask, acme, max_slot_duration="60"))[:3] == [gaps[0], gaps[1], ("10:30", "11:30")]
    assert await ranges(ask, acme, location_ids="2") == []
    assert await ranges(ask, acme, location_ids="2,1") == gaps
    assert await ranges(ask, acme, provider_ids="8") == []
    fallback = await ranges(ask, acme, provider_ids="8", fallback_to_default_hours="true")
    assert fallback == [("08:00", "13:00"), ("13:30", "17:00")]


async def test_what_does_not_fit_is_refused(ask: Api, acme: Caller) -> None:
    for wrong, part in (
        ({"end_date": ""}, "Missing required parameters: end_date."),
        ({"end_date": "2024-04-04"}, "end_date must be after start_date."),
        ({"end_date": "2026-04-04"}, "at most 366 days"),
        ({"buffer": "60"}, "buffer"),
        ({"daily_appointment_limit": "2"}, "together"),
        ({"daily_limit_type": "NP"}, "together"),
        ({"provider_id": "1"}, "Did you mean provider_ids?"),
        ({"calculation_method": "slots"}, "Tiny EHR does not offer slots."),
    ):
        status, body = await ask(acme, "/v1/availability", params=DAY | wrong)
        assert status == 400 and part in body["message"], (wrong, body)
    ask.world.ehr.doctors = [Provider(ehr_id="1", name="Doe, John", hours=HOURS)]
    status, body = await ask(acme, "/v1/availability", params=DAY)
    assert (status, body["error"]) == (400, "time_zone_unknown")
    await ask.world.orgs.change(acme.client, "riverside", OrgChange(time_zone="America/Denver"))
    assert await ranges(ask, acme) == [("08:00", "17:00")]


async def test_what_the_app_sets_for_a_provider_counts_for_its_org_alone(ask: Api, acme: Caller, rival: Caller) -> None:
    # contract §4.3
    _, body = await ask(acme, "/v1/providers")
    ours = {each["ehr_id"]: each["id"] for each in body["providers"]}
    path = f"/v1/providers/{ours['3498234']}"
    status, said = await ask(acme, path, "PATCH", json={"hide_in_availability": "true"})
    assert (status, said) == (200, {
        "success": True, "message": "Provider status updated successfully.", "provider_id": ours["3498234"],
    })  # fmt: skip
    assert await ranges(ask, acme) == [] and await ranges(ask, rival) == [("08:00", "17:00")]
    hours = [{"day": "friday", "shifts": [{
        "start": "T10:00:00", "end": "T12:00:00", "facility_id": "2", "set_start_date": "2024-01-01T00:00:00",
        "set_end_date": "2024-12-31T00:00:00",
        "set_recur": {"rec_start_date": "2024-04-05T00:00:00", "recur_interval_type": "days",
                      "recur_interval_amount": "7"},
    }]}]  # fmt: skip
    change = {"status": "ACTIVE", "hide_in_availability": "false", "hours": hours}
    status, said = await ask(acme, "/v1/providers/ehr/3498234", "PATCH", json=change)
    assert (status, said["message"]) == (200, "Provider status and hours updated successfully.")
    _, body = await ask(acme, "/v1/providers")
    (shown,) = body["providers"][0]["hours"][0]["shifts"]
    assert (shown["facility_id"], shown["facility_name"], shown["start"]) == ("2", "Annex", "T10:00:00")
    assert (shown["set_start_date"], shown["recurrence"]["recur_interval_amount"]) == ("2024-01-01", "7")
    assert await ranges(ask, acme) == [("10:00", "12:00")]
    assert (await ask(acme, path, "PATCH", json={"hours": []}))[0] == 200
    assert await ranges(ask, acme) == [("08:00", "17:00")]
    # The other client's id is unknown here, and so is anything else.
    _, theirs = await ask(rival, "/v1/providers")
    for unknown in (theirs["providers"][0]["id"], "0" * 32, "3498234"):
        status, body = await ask(acme, f"/v1/providers/{unknown}", "PATCH", json={"status": "inactive"})
        assert (status, body["error"]) == (404, "provider_not_found")
    assert (await ask(acme, "/v1/providers/ehr/77", "PATCH", json={"status": "inactive"}))[0] == 404
    elsewhere = {"start": "T08:00", "end": "T09:00", "facility_id": "3"}
    for wrong, part in (
        ({}, "Missing required field: status"),
        ({"status": "away"}, "Invalid status"),
        ({"hours": [{"day": "Friday", "shifts": [{"start": "T09:00", "end": "T08:00"}]}]}, "must end after"),
        ({"hours": [{"day": "Friday", "shifts": [{"start": "nine", "end": "T08:00"}]}]}, "Invalid start"),
        ({"hours": [{"day": "Friday", "shifts": [elsewhere]}]}, "facility_id"),
    ):
        status, body = await ask(acme, path, "PATCH", json=wrong)
        assert status == 400 and part in body["message"], (wrong, body)


async def test_the_status_of_a_location_is_set_for_the_org_alone(ask: Api, acme: Caller, rival: Caller) -> None:
    # contract §4.4
    _, body = await ask(acme, "/v1/locations")
    our_id = body["locations"][1]["id"]
    status, said = await ask(acme, f"/v1/locations/{our_id}", "PATCH", json={"status": "Inactive"})
    assert (status, said) == (200, {
        "success": True, "message": "Location status updated successfully.", "location_id": our_id,
    })  # fmt: skip
    assert [each["status"] for each in (await ask(acme, "/v1/locations"))[1]["locations"]] == ["active", "inactive"]
    assert [each["status"] for each in (await ask(rival, "/v1/locations"))[1]["locations"]] == ["active", "active"]
    assert (await ask(rival, f"/v1/locations/{our_id}", "PATCH", json={"status": "active"}))[0] == 404
    assert (await ask(acme, "/v1/locations/2", "PATCH", json={"status": "active"}))[0] == 404


async def test_what_an_ehr_can_do_is_told_field_by_field(
    ask: Api, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = TinyConnector.manifest
    changes = {"without": ("contact",), "required": {"patients": ("mrn",)}, "writes": {"notes.create": ("sign",)}}
    monkeypatch.setattr(TinyConnector, "manifest", msgspec.structs.replace(manifest, **changes))
    status, body = await ask(acme, "/v1/capabilities")
    assert status == 200 and body["emr_name"] == "Tiny EHR"
    reads = {each["capability"]: each for each in body["reads"]}
    assert reads["patients"] | {"filters": []} == {
        "capability": "patients", "offered": True, "reason": None, "filters": [], "required_filters": ["mrn"],
        "withheld": ["address_city", "address_line2", "address_state", "address_street", "address_zip", "cell_phone",
                     "email", "phone"],
        "route": "api", "freshness": "live",
    }  # fmt: skip
    assert {"mrn", "last_name"} <= {*reads["patients"]["filters"]}
    assert reads["orders"]["offered"] is False and reads["orders"]["reason"] == "Tiny EHR does not offer orders."
    writes = {each["capability"]: each for each in body["writes"]}
    assert (writes["notes.create"]["offered"], writes["notes.create"]["fields"]) == (True, ["sign"])
    assert writes["claims.create"]["reason"] == "Tiny EHR does not offer claims: create."
    assert ask.world.ehr.asked == []
    # What is not offered is refused by name, on every route.
    for path in ("/v1/orders?patient_mrn=1", "/v1/claims", "/v1/notes", "/v1/notes/1", "/v1/documents/1",
                 "/v1/pharmacies", "/v1/eligibility-checks/1/benefits", "/v1/patients/1/insurances",
                 "/v1/ehr-users"):  # fmt: skip
        status, body = await ask(acme, path)
        assert (status, body["error"]) == (400, "not_supported") and "Tiny EHR does not offer" in body["message"], path


async def test_open_slots_are_the_ehrs_own(ask: Api, doctor: Doctor, chart: Charted) -> None:
    acme, day = await doctor(), date.today() + timedelta(days=2)
    span = {"start_date": str(day), "end_date": str(day)}
    theirs = await chart("slots", start=day, end=day, title="Open")
    _, body = await ask(acme, "/v1/availability", params=span | {"calculation_method": "slots", "slot_type": "open"})
    _, shown = await ask(acme, "/v1/providers")
    active = {each["ehr_id"] for each in shown["providers"] if each["status"] == "active"}
    wanted = {(each["provider_id"], each["start"]) for each in theirs["slots"] if each["provider_id"] in active}
    found = body["results"]["availability"]
    assert found and {(each["provider_id"], each["range_start"].replace(".000", "")) for each in found} <= wanted
    _, gaps = await ask(acme, "/v1/availability", params=span)
    lunches = (await chart("blocks", start=day, end=day))["blocks"]
    for each in gaps["results"]["availability"]:
        start, end = (datetime.fromisoformat(each[name]) for name in ("range_start", "range_end"))
        for block in lunches:
            apart = end <= datetime.fromisoformat(block["start"]) or start >= datetime.fromisoformat(block["end"])
            assert block["provider_id"] != each["provider_id"] or apart
