"""Booking, moving and cancelling visits, and the blocks and open slots around them."""

from datetime import datetime, timedelta
from typing import Any

from tests.sandbox_ehr.chart_cases import PATIENT
from tests.support.sandbox_client import SandboxClient, refusal

WEEK = {"start": "2026-11-24", "end": "2026-11-30"}


def booking(slot: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A follow-up in an open slot."""
    place = {name: slot[name] for name in ("provider_id", "location_id", "start")}
    return {"patient_id": PATIENT, "type": "FU", **place, **members}


async def slots(ehr: SandboxClient, session: str, kind: str = "slots", **query: Any) -> list[dict[str, Any]]:
    return (await ehr.read(kind, session, **WEEK, **query))[kind]


async def later_slots(ehr: SandboxClient, session: str) -> list[dict[str, Any]]:
    """Slots after today, so that nobody can be checked in by the clock."""
    return [slot for slot in await slots(ehr, session) if slot["start"] > "2026-11-26"]


async def test_the_schedule_of_a_provider_is_visits_blocks_and_open_slots_which_never_overlap(
    ehr: SandboxClient, session: str
) -> None:
    visits = (await ehr.read("appointments", session, **WEEK, limit=1000))["appointments"]
    free, blocked = await slots(ehr, session), await slots(ehr, session, "blocks")
    taken = [visit for visit in visits if visit["status"] not in ("CANC", "R/S", "NOSHOW")]
    for one in (*free, *blocked):
        starts = datetime.fromisoformat(one["start"])
        assert datetime.fromisoformat(one["end"]) - starts == timedelta(minutes=one["minutes"])
        for visit in taken:
            begins = datetime.fromisoformat(visit["start"])
            apart = (
                begins >= datetime.fromisoformat(one["end"]) or begins + timedelta(minutes=visit["minutes"]) <= starts
            )
            assert apart or visit["provider_id"] != one["provider_id"]
    assert {"Open", "Same day", "New patient"} == {slot["title"] for slot in free}
    assert {"Lunch", "Charting", "Team meeting", "Phone calls"} == {block["title"] for block in blocked}
    assert {len(free) > 40, len(blocked) > 20, len(taken) > 60} == {True}
    some = free[0]
    found = await slots(ehr, session, provider_id=some["provider_id"], location_id=some["location_id"], title="OPEN")
    assert found == [
        slot
        for slot in free
        if (slot["provider_id"], slot["location_id"], slot["title"])
        == (some["provider_id"], some["location_id"], "Open")
    ]
    assert refusal(await ehr.get("slots", session, start="2026-11-24")) == (400, "bad_request")
    assert refusal(await ehr.get("blocks", session, start="2026-11-24", end="2026-11-23")) == (400, "bad_request")


async def test_a_booked_slot_is_gone_until_the_visit_is_cancelled(ehr: SandboxClient, session: str) -> None:
    slot = (await later_slots(ehr, session))[0]
    visit = await ehr.make("appointments", session, **booking(slot, minutes=slot["minutes"], check_conflicts=True))
    assert (visit["start"], visit["status"], visit["patient"]["id"]) == (slot["start"], "SCHED", PATIENT)
    assert slot not in await slots(ehr, session)
    response = await ehr.send("POST", f"appointments/{visit['id']}/cancel", session, {"note": "Feels better"})
    cancelled = response.json()["appointment"]
    assert (cancelled["status"], cancelled["note"]) == ("CANC", "Feels better")
    assert slot in await slots(ehr, session)
    again = await ehr.send("POST", f"appointments/{visit['id']}/cancel", session, {})
    assert again.status_code == 200  # It is what was asked for.


async def test_with_the_check_a_conflict_is_refused_and_names_what_is_there(ehr: SandboxClient, session: str) -> None:
    slot = (await later_slots(ehr, session))[0]
    first = await ehr.make("appointments", session, **booking(slot))
    late = datetime.fromisoformat(slot["start"]) + timedelta(minutes=10)
    overlapping = booking(slot) | {"start": late.isoformat()}
    for provider in ({}, {"provider_id": "505"}):
        assert (await ehr.send("POST", "appointments", session, overlapping | provider)).status_code in (201, 422)
    checked = overlapping | {"check_conflicts": True, "client_ref": "never"}
    response = await ehr.send("POST", "appointments", session, checked)
    assert refusal(response) == (409, "schedule_conflict")
    said = response.json()
    assert (said["conflict"], said["id"], said["start"]) == ("visit", first["id"], slot["start"])
    lunch = next(block for block in await slots(ehr, session, "blocks") if block["title"] == "Lunch")
    response = await ehr.send("POST", "appointments", session, booking(lunch, check_conflicts=True, client_ref="never"))
    said = response.json()
    assert (said["error"], said["conflict"], said["id"], said["title"]) == (
        *("schedule_conflict", "block", lunch["id"], "Lunch"),
    )
    # The second provider may not be busy either.
    other = "502" if slot["provider_id"] != "502" else "503"
    beside = booking(slot, second_provider_id=slot["provider_id"], check_conflicts=True) | {"provider_id": other}
    assert refusal(await ehr.send("POST", "appointments", session, beside)) == (409, "schedule_conflict")
    assert await ehr.written("never") == {}


async def test_a_visit_can_be_moved_until_it_begins(ehr: SandboxClient, session: str) -> None:
    one, other = (await later_slots(ehr, session))[:2]
    visit = await ehr.make("appointments", session, **booking(one, reason="Cough", client_ref="moves"))
    await ehr.lab("clock", {"advance": 60, "frozen": True})
    place = {name: other[name] for name in ("provider_id", "location_id", "start")}
    moved = await ehr.change(f"appointments/{visit['id']}", session, **place, type="TELE", minutes=25)
    assert {name: moved[name] for name in place} == place
    assert (moved["minutes"], moved["type"], moved["mode"], moved["reason"]) == (25, "TELE", "video", "Cough")
    assert moved["updated_at"] > moved["created_at"] == visit["created_at"]
    day = {"start": other["start"][:10], "end": other["start"][:10]}
    assert visit["id"] in {each["id"] for each in (await ehr.read("appointments", session, **day))["appointments"]}
    await ehr.make("appointments", session, **booking(one, minutes=10))
    back = await ehr.send(
        "PATCH", f"appointments/{visit['id']}", session, {"start": one["start"], "check_conflicts": True}
    )
    if one["provider_id"] == other["provider_id"]:
        assert refusal(back) == (409, "schedule_conflict")
    await ehr.change(f"appointments/{visit['id']}", session, status="CHKIN")
    response = await ehr.send("PATCH", f"appointments/{visit['id']}", session, {"start": other["start"]})
    assert refusal(response) == (409, "not_changeable")
    noted = await ehr.change(f"appointments/{visit['id']}", session, note="In room 2")
    assert noted["note"] == "In room 2"


async def test_a_status_goes_only_where_the_settings_say(ehr: SandboxClient, session: str) -> None:
    paths = (await ehr.read("settings", session))["status_paths"]
    slot = (await later_slots(ehr, session))[0]
    ways = {"SCHED": (), "CONF": ("CONF",), "CHKIN": ("CHKIN",), "DONE": ("CHKIN", "DONE")}
    ways |= {"NOSHOW": ("NOSHOW",), "CANC": ("CANC",), "R/S": ("R/S",)}
    assert ways.keys() == paths.keys()
    for status, way in ways.items():
        for wanted in paths:
            visit = await ehr.make("appointments", session, **booking(slot))
            for step in way:
                await ehr.change(f"appointments/{visit['id']}", session, status=step)
            response = await ehr.send("PATCH", f"appointments/{visit['id']}", session, {"status": wanted})
            if wanted in (status, *paths[status]):
                assert response.json()["appointment"]["status"] == wanted
            else:
                assert refusal(response) == (409, "status_not_allowed")
                assert (response.json()["status"], response.json()["wanted"]) == (status, wanted)
    visit = await ehr.make("appointments", session, **booking(slot))
    response = await ehr.send("PATCH", f"appointments/{visit['id']}", session, {"status": "GONE"})
    assert refusal(response) == (409, "status_not_allowed")


async def test_a_made_up_visit_stops_following_the_clock_once_somebody_sets_its_status(
    ehr: SandboxClient, session: str
) -> None:
    found = (await ehr.read("appointments", session, **WEEK, limit=1000))["appointments"]
    coming = next(visit for visit in found if visit["start"] > "2026-11-25" and visit["status"] == "SCHED")
    await ehr.change(f"appointments/{coming['id']}", session, status="CONF")
    await ehr.lab("clock", {"now": "2026-11-29T12:00:00-05:00", "frozen": True})
    session = await ehr.session()
    assert (await ehr.read(f"appointments/{coming['id']}", session))["appointment"]["status"] == "CONF"


async def test_visits_of_one_patient_are_found_without_days(ehr: SandboxClient, session: str) -> None:
    found = (await ehr.read("appointments", session, patient_id=PATIENT))["appointments"]
    assert {visit["patient"]["id"] for visit in found} == {PATIENT}
    same = (await ehr.read("appointments", session, patient_mrn=found[0]["patient"]["mrn"]))["appointments"]
    assert same == found
    theirs = (await ehr.read("appointments", session, **WEEK, provider_id="502"))["appointments"]
    assert {visit["provider_id"] for visit in theirs} == {"502"}
    assert refusal(await ehr.get("appointments", session)) == (400, "bad_request")
    assert refusal(await ehr.get("appointments", session, provider_id="502")) == (400, "bad_request")


async def test_odd_bookings_are_refused(ehr: SandboxClient, session: str) -> None:
    slot = (await later_slots(ehr, session))[0]
    for odd in ({"start": "2026-11-27T10:00:00"}, {"minutes": 0}, {"minutes": 481}, {"start": "Friday"}):
        assert refusal(await ehr.send("POST", "appointments", session, booking(slot) | odd)) == (400, "bad_request")
    for closed in ({"provider_id": "505"}, {"location_id": "302"}):
        assert refusal(await ehr.send("POST", "appointments", session, booking(slot) | closed))[0] == 422
    assert refusal(await ehr.send("PATCH", "appointments/nothing", session, {"note": "x"})) == (404, "not_found")
