"""The record of a patient over FHIR: every type has rows, and what they point to is there."""

from typing import Any

import pytest

from tests.sandbox_ehr.conftest import NOON
from tests.support.sandbox_client import SandboxClient
from tests.support.smart_app import SmartApp, resources

RECORDS = ("Encounter", "Condition", "DocumentReference", "MedicationRequest", "AllergyIntolerance", "Observation",
           "ServiceRequest", "Task", "Communication", "Coverage", "Claim")  # fmt: skip


@pytest.fixture
async def app(ehr: SandboxClient) -> SmartApp:
    await ehr.lab("clock", {"now": NOON, "frozen": True})
    app = SmartApp(ehr.http)
    await app.register()
    return app


def references(value: Any) -> set[str]:
    """Every reference inside a resource."""
    if isinstance(value, list):
        return {each for one in value for each in references(one)}
    if isinstance(value, dict):
        own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    return set()


def empty_members(value: Any) -> bool:
    if isinstance(value, list):
        return not value or any(empty_members(each) for each in value)
    if isinstance(value, dict):
        return not value or any(empty_members(each) for each in value.values())
    return value in ("", None)


async def test_every_type_of_a_record_can_be_searched_and_read_and_points_to_what_is_there(app: SmartApp) -> None:
    token = (await app.tokens())["access_token"]
    seen: dict[str, dict[str, Any]] = {}
    for kind in RECORDS:
        found = resources(await app.read(kind, token, {"_count": "25"}), kind)
        assert found, kind
        for each in found:
            assert not empty_members(each), each
            seen[f"{kind}/{each['id']}"] = each
        assert await app.read(f"{kind}/{found[0]['id']}", token) == found[0]
    for target in sorted({each for one in seen.values() for each in references(one)} - seen.keys()):
        assert (await app.get(target, token)).status_code == 200, target


async def test_a_record_is_found_by_its_patient_and_by_nobody_elses(app: SmartApp) -> None:
    token = (await app.tokens())["access_token"]
    patient = "Patient/10001"
    for kind in ("Encounter", "Condition", "DocumentReference", "MedicationRequest", "AllergyIntolerance", "Coverage"):
        for query in ({"patient": patient}, {"patient": "10001"}):
            found = resources(await app.read(kind, token, query))
            assert found, (kind, query)
            assert {each for one in found for each in references(one) if each.startswith("Patient/")} == {patient}
    own = (await app.tokens("launch/patient patient/*.rs", "patient_good"))["access_token"]
    for kind in RECORDS:
        found = resources(await app.read(kind, own, {"_count": "200"}))
        assert {each for one in found for each in references(one) if each.startswith("Patient/")} <= {patient}, kind


async def test_a_note_and_a_document_have_their_content_in_a_binary(app: SmartApp, ehr: SandboxClient) -> None:
    token = (await app.tokens())["access_token"]
    session = await ehr.session()
    document = (await ehr.read("documents", session, limit=1))["documents"][0]
    shown = await app.read(f"DocumentReference/{document['id']}", token)
    attachment = shown["content"][0]["attachment"]
    assert (attachment["contentType"], attachment["size"]) == ("application/pdf", document["size"])
    raw = await app.get(attachment["url"], token)
    assert (raw.headers["content-type"], raw.content[:5], len(raw.content)) == (
        "application/pdf",
        b"%PDF-",
        document["size"],
    )
    wrapped = await app.get(attachment["url"], token, accept="application/fhir+json")
    assert wrapped.json()["resourceType"] == "Binary"
    note = (await ehr.read("notes", session, limit=1))["notes"][0]
    shown = await app.read(f"DocumentReference/{note['id']}", token)
    assert shown["type"]["coding"][0] == {"system": "http://loinc.org", "code": "11506-3", "display": "Progress note"}
    assert (await app.get(shown["content"][0]["attachment"]["url"], token)).text == note["text"]
    assert (await app.get("Binary", token)).status_code == 404
    other = (await app.tokens("launch/patient patient/*.rs", "patient_good"))["access_token"]
    assert note["patient_id"] != "10001"
    assert (await app.get(shown["content"][0]["attachment"]["url"], other)).status_code == 404
