"""Orders, referrals, tasks, calls, claims and payments: what each of them adds to what all rows have in common."""

import base64
from decimal import Decimal
from typing import Any

import pytest

from sandbox_ehr.clinic.codes import is_npi
from tests.sandbox_ehr.chart_cases import CREATES, PATIENT
from tests.support.sandbox_client import SandboxClient, refusal

BODIES = {case.path: case.body for case in CREATES}


async def test_the_files_of_a_referral_become_documents_and_each_side_has_its_own_providers(
    ehr: SandboxClient, session: str
) -> None:
    file = {"filename": "letter.pdf", "content": base64.b64encode(b"%PDF letter").decode()}
    row = await ehr.make("referrals", session, **BODIES["referrals"], files=[file])
    assert (row["status"], row["referred_on"], row["from_provider"]) == (
        "open",
        "2026-11-24",
        "Okonkwo-Lindqvist, Amara",
    )
    (document_id,) = row["document_ids"]
    document = (await ehr.read(f"documents/{document_id}", session))["document"]
    assert (document["filename"], document["media_type"], document["folder_id"]) == (
        "letter.pdf",
        "application/pdf",
        "F3",
    )
    assert (await ehr.get(f"documents/{document_id}/content", session)).content == b"%PDF letter"
    swapped = BODIES["referrals"] | {"direction": "incoming"}
    assert refusal(await ehr.send("POST", "referrals", session, swapped)) == (422, "unknown_reference")
    nobody = await ehr.make("referrals", session, **swapped | {"from_provider_id": "", "to_provider_id": "501"})
    assert (nobody["from_provider"], nobody["to_provider"]) == ("", "Okonkwo-Lindqvist, Amara")
    odd = BODIES["referrals"] | {"files": [file | {"content": "no base64"}], "client_ref": "odd"}
    assert refusal(await ehr.send("POST", "referrals", session, odd)) == (422, "invalid_value")
    assert await ehr.written("odd") == {}
    incoming = (await ehr.read("referrals", session, direction="incoming", priority="stat", limit=500))["referrals"]
    assert {(each["direction"], each["priority"]) for each in incoming} == {("incoming", "stat")}


async def test_referring_providers_are_found_by_every_filter_and_have_one_npi_each(
    ehr: SandboxClient, session: str
) -> None:
    made = await ehr.make("referring-providers", session, **BODIES["referring-providers"])
    for query in ({"first_name": "AD", "last_name": "yro"}, {"npi": "1234567893"}, {"phone": "(212) 555-0107"}):
        found = (await ehr.read("referring-providers", session, **query))["referring_providers"]
        assert made in found
        assert len(found) < 5
    everybody = await ehr.read("referring-providers", session, limit=500)
    assert everybody["total"] == 41
    response = await ehr.send("POST", "referring-providers", session, BODIES["referring-providers"])
    assert (refusal(response), response.json()["referring_provider_id"]) == ((409, "duplicate_provider"), made["id"])
    for npi in ("1234567890", "123456789", "12345678x3", "", "１２３４５６７８９３"):
        response = await ehr.send("POST", "referring-providers", session, BODIES["referring-providers"] | {"npi": npi})
        assert refusal(response) == (422, "invalid_value"), npi
    odd = BODIES["referring-providers"] | {"npi": "1245319599", "phone": "2125550107"}
    assert refusal(await ehr.send("POST", "referring-providers", session, odd)) == (400, "bad_request")
    assert not any(is_npi(row["npi"]) for row in everybody["referring_providers"] if row["id"] != made["id"])


async def test_a_task_is_assigned_noted_and_done(ehr: SandboxClient, session: str) -> None:
    task = await ehr.make("tasks", session, **BODIES["tasks"])
    assert task["status"] == "open"
    note = await ehr.make("task-notes", session, task_id=task["id"], text="Called twice")
    assert note["by"] == "Dana Goodwin"
    assert (await ehr.read("task-notes", session, task_id=task["id"]))["task_notes"] == [note]
    done = await ehr.change(f"tasks/{task['id']}", session, status="done", assigned_to="u503")
    assert (done["status"], done["assigned_to"], done["subject"]) == ("done", "u503", "Call")
    mine = (await ehr.read("tasks", session, patient_id=PATIENT, assigned_to="u503", status="done"))["tasks"]
    assert done in mine
    assert refusal(await ehr.send("PATCH", f"tasks/{task['id']}", session, {"assigned_to": "u0"})) == (
        *(422, "unknown_reference"),
    )
    assert refusal(await ehr.send("POST", "tasks", session, BODIES["tasks"] | {"notify": ["u1", "u0"]}))[0] == 422


async def test_an_action_of_a_call_says_who_wrote_it_when_and_in_which_zone(ehr: SandboxClient, session: str) -> None:
    patients = (await ehr.read("patients", session, limit=200))["patients"]
    taking = next(one for one in patients if one["medications"])
    medicine = taking["medications"][0]["name"]
    body = BODIES["calls"] | {"patient_id": taking["id"]}
    call = await ehr.make("calls", session, **body | {"refill_medication": medicine[1:5].upper()})
    assert call["refill_medication"] == medicine
    response = await ehr.send("POST", "calls", session, body | {"refill_medication": "Nothing such"})
    assert (refusal(response), response.json()["field"]) == ((422, "unknown_reference"), "refill_medication")
    action = await ehr.make("call-actions", session, call_id=call["id"], text="Refill sent", priority="high")
    assert action["text"] == "Dana Goodwin 11/24/2026 12:00 PM EST: Refill sent"
    assert (await ehr.read("call-actions", session, call_id=call["id"]))["call_actions"] == [action]
    for odd in ({"reason": "x" * 51}, {"refill_medication": "x"}):
        assert refusal(await ehr.send("POST", "calls", session, body | odd)) == (400, "bad_request")


async def test_orders_have_results_if_they_are_completed_labs(ehr: SandboxClient, session: str) -> None:
    orders = (await ehr.read("orders", session, limit=500))["orders"]
    assert {order["type"] for order in orders} == {"lab", "imaging", "medication", "procedure"}
    for order in orders:
        assert (order["lab_results"] is not None) == (order["type"] == "lab" and order["status"] == "completed")
    some = orders[0]
    query = {"patient_id": some["patient_id"], "start": some["ordered_on"], "end": some["ordered_on"]}
    found = (await ehr.read("orders", session, **query))["orders"]
    assert some in found
    assert {order["patient_id"] for order in found} == {some["patient_id"]}
    assert refusal(await ehr.send("POST", "orders", session, {})) == (405, "method_not_allowed")


async def visit(ehr: SandboxClient, session: str, *way: str) -> dict[str, Any]:
    """A visit of today that went this way."""
    made = await ehr.make(
        *("appointments", session),
        **{"patient_id": PATIENT, "provider_id": "501", "location_id": "101", "type": "NP"},
        start="2026-11-24T10:00:00-05:00",
    )
    for status in way:
        await ehr.change(f"appointments/{made['id']}", session, status=status)
    return made


async def test_a_visit_that_took_place_gets_one_claim_with_the_charges_of_its_notes(
    ehr: SandboxClient, session: str
) -> None:
    seen = await visit(ehr, session, "CHKIN", "DONE")
    await ehr.make("notes", session, visit_id=seen["id"], text="Well", icd10=["I10"], cpt=["99213", "99999"])
    claim = await ehr.make("claims", session, visit_id=seen["id"], client_ref="bill")
    assert [(line["cpt"], line["charge"], line["icd10"]) for line in claim["lines"]] == [
        ("99213", "140.00", ["I10"]),
        ("99999", "75.00", ["I10"]),
    ]
    assert (claim["total_charge"], claim["balance"], claim["status"]) == ("215.00", "215.00", "10RD")
    plans = (await ehr.read("insurances", session, patient_id=PATIENT))["insurances"]
    assert [plan["insurance_id"] for plan in claim["insurances"]] == [plan["id"] for plan in plans] != []
    (found,) = (await ehr.read("claims", session, client_ref="bill"))["claims"]
    assert found == claim
    response = await ehr.send("POST", "claims", session, {"visit_id": seen["id"], "client_ref": "again"})
    assert (refusal(response), response.json()["claim_id"]) == ((409, "duplicate_claim"), claim["id"])
    assert await ehr.written("again") == {}
    usual = await visit(ehr, session, "CHKIN")
    assert (await ehr.make("claims", session, visit_id=usual["id"]))["lines"][0]["cpt"] == "99203"
    for way in ((), ("CANC",), ("NOSHOW",)):
        response = await ehr.send("POST", "claims", session, {"visit_id": (await visit(ehr, session, *way))["id"]})
        assert refusal(response) == (409, "visit_not_started")
    assert refusal(await ehr.send("POST", "claims", session, {"visit_id": "1"})) == (422, "unknown_reference")


async def test_the_amounts_of_every_claim_add_up(ehr: SandboxClient, session: str) -> None:
    claims = (await ehr.read("claims", session, limit=500))["claims"]
    assert {claim["status"] for claim in claims} == {"10RD", "20SB", "30RJ", "48CL"}
    for claim in claims:
        total, balance = Decimal(claim["total_charge"]), Decimal(claim["balance"])
        assert total == sum(Decimal(line["charge"]) * line["units"] for line in claim["lines"])
        assert balance == total - Decimal(claim["net_payment"]) - Decimal(claim["net_adjustment"]) >= 0
        assert min(Decimal(claim[name]) for name in ("net_payment", "net_adjustment", "patient_responsibility")) >= 0
    days = (await ehr.read("claims", session, start="2026-11-10", end="2026-11-11", limit=500))["claims"]
    assert days == [claim for claim in claims if claim["service_date"] in ("2026-11-10", "2026-11-11")] != []


@pytest.mark.parametrize(("amount", "kept"), [("25.50", "25.50"), (25, "25.00"), (0.1, "0.10"), ("1e3", "1000.00")])
async def test_an_amount_is_kept_as_dollars_and_cents(
    ehr: SandboxClient, session: str, amount: str | float, kept: str
) -> None:
    payment = await ehr.make("payments", session, **BODIES["payments"] | {"amount": amount})
    assert (payment["amount"], payment["method"], payment["deposited_on"]) == (kept, "Card", "2026-11-24")
    for odd in (0, -1, "0.001", "1e7", "NaN", "Infinity", "1e-999999", "1e999999"):
        response = await ehr.send("POST", "payments", session, BODIES["payments"] | {"amount": odd})
        assert refusal(response) == (422, "invalid_value"), odd
    assert refusal(await ehr.send("POST", "payments", session, BODIES["payments"] | {"amount": "x"}))[0] == 400
    early = await ehr.make("payments", session, **BODIES["payments"], deposited_on="2026-11-02")
    found = (await ehr.read("payments", session, patient_id=PATIENT, end="2026-11-02"))["payments"]
    assert early in found
