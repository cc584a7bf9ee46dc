"""The made-up chart is consistent: what follows from a visit is there once it is due, and refers to what exists."""

from sandbox_ehr.clinic.practice import CLINICS
from tests.support.sandbox_client import SandboxClient

DAYS = {"start": "2026-10-25", "end": "2026-12-24", "limit": "1000"}


async def test_each_past_visit_has_a_note_its_diagnoses_and_later_a_claim(ehr: SandboxClient, session: str) -> None:
    visits, offset = [], 0
    while page := (await ehr.read("appointments", session, **DAYS, offset=offset))["appointments"]:
        visits, offset = visits + page, offset + len(page)
    done = {visit["id"]: visit for visit in visits if visit["status"] == "DONE"}
    notes = (await ehr.read("notes", session, limit=500))["notes"] + (
        await ehr.read("notes", session, limit=500, offset=500)
    )["notes"]
    assert {note["visit_id"] for note in notes} == done.keys()
    assert {note["signed"] for note in notes} == {True}
    assert all(visit["diagnoses"] for visit in done.values())
    claims = (await ehr.read("claims", session, limit=500))["claims"]
    claims += (await ehr.read("claims", session, limit=500, offset=500))["claims"]
    old = {visit_id for visit_id, visit in done.items() if visit["start"] < "2026-11-22T00"}
    assert old <= {claim["visit_id"] for claim in claims} < done.keys()
    checked = await ehr.read("eligibility-checks", session, start="2026-11-25", end="2026-11-25")
    coming = [visit for visit in visits if visit["start"][:10] == "2026-11-25" and visit["insurance"]]
    due = {visit["id"] for visit in coming if visit["status"] in ("SCHED", "CONF")}
    assert {check["visit_id"] for check in checked["eligibility_checks"]} == due != set()
    everybody = {visit["patient"]["id"] for visit in visits}
    assert len(everybody) > 250


async def test_every_reference_of_a_made_up_row_leads_somewhere(ehr: SandboxClient, session: str) -> None:
    lists = {}
    for path in ("documents", "referrals", "referring-providers", "insurances", "tasks", "calls", "messages", "claims",
                 "call-actions"):  # fmt: skip
        rows, name = [], path.replace("-", "_")
        while page := (await ehr.read(path, session, limit=500, offset=len(rows)))[name]:
            rows += page
        lists[name] = {row["id"]: row for row in rows}
        assert len(lists[name]) == len(rows) > 5
    users = {user["id"] for user in (await ehr.read("users", session))["users"]}
    providers = {provider.id for provider in CLINICS["1"].providers}
    for referral in lists["referrals"].values():
        inside, outside = referral["to_provider_id"], referral["from_provider_id"]
        if referral["direction"] == "outgoing":
            inside, outside = outside, inside
        assert inside in providers
        assert outside in lists["referring_providers"]
        assert lists["documents"].keys() >= set(referral["document_ids"])
    for name in ("documents", "tasks", "calls"):
        assert {row["assigned_to"] for row in lists[name].values()} <= users
    assert {row["call_id"] for row in lists["call_actions"].values()} <= lists["calls"].keys()
    assert {(bool(row["refill_medication"]), bool(row["pharmacy_id"])) for row in lists["calls"].values()} >= {
        (True, True),
        (False, False),
    }
    for claim in lists["claims"].values():
        assert all(
            lists["insurances"][plan["insurance_id"]]["patient_id"] == claim["patient_id"]
            for plan in claim["insurances"]
        )
    assert {row["created_by"] for rows in lists.values() for row in rows.values()} <= users


async def test_the_paperwork_follows_the_clock_and_is_written_once(ehr: SandboxClient, session: str) -> None:
    count = (await ehr.read("notes", session))["total"]
    assert (await ehr.read("notes", session))["total"] == count
    for now, more in (("2026-11-24T18:00:00-05:00", True), ("2026-11-24T18:05:00-05:00", False)):
        await ehr.lab("clock", {"now": now, "frozen": True})
        total = (await ehr.read("notes", await ehr.session()))["total"]
        assert (total > count) == more
        count = total


async def test_a_visit_that_somebody_changed_gets_no_made_up_paperwork(ehr: SandboxClient, session: str) -> None:
    day = {"start": "2026-11-24", "end": "2026-11-24"}
    coming = [
        visit
        for visit in (await ehr.read("appointments", session, **day))["appointments"]
        if visit["start"] > "2026-11-24T13" and visit["status"] in ("SCHED", "CONF")
    ]
    cancelled, moved = coming[0], coming[1]
    await ehr.send("POST", f"appointments/{cancelled['id']}/cancel", session, {})
    await ehr.change(f"appointments/{moved['id']}", session, start="2026-11-30T10:00:00-05:00")
    await ehr.lab("clock", {"now": "2026-11-24T20:00:00-05:00", "frozen": True})
    session = await ehr.session()
    for visit in (cancelled, moved):
        assert (await ehr.read("notes", session, visit_id=visit["id"]))["total"] == 0
