"""A clinician and a patient link SMART EHRs in a real Chromium: the sandbox EHR and three of its vendor twins.

The sign-in is on the EHR's own page: in a window beside the lightbox, or in the same window, with and without scripts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from cobalt_link.app import House
from tests.browsers.chromium.lightbox import Lightbox
from tests.browsers.chromium.site import Site
from tests.stories.ehr_page import EhrPage
from tests.stories.scribe import scribe
from tests.stories.watched import Watched, watched
from tests.support.clinic import Clinic
from tests.support.ehrs.smart_sandbox import PATIENT, SmartSandbox, at, twins
from tests.support.world import Sandbox, Shop, shop

pytestmark = [pytest.mark.browser]

Ehrs = Mapping[str, SmartSandbox]
PRACTICE = ZoneInfo("America/New_York")
# What a clinician may write there (docs/reference/smart.md).
WRITES: dict[str, set[str]] = {
    "plain": {"appointments.create", "notes.create"}, "epic": {"notes.create"},
    "oracle": {"appointments.create", "notes.create"}, "athenahealth": set(),
}  # fmt: skip


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_twins(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ehrs]:
    async with twins(tmp_path_factory.mktemp("twins"), "epic", "oracle", "athenahealth") as found:
        yield found


@pytest.fixture
async def ehrs(running_twins: Ehrs, sandbox: Sandbox, house: House) -> AsyncIterator[Ehrs]:
    """The sandbox EHR as itself and as three vendors', on their first day, with an app registered at each."""
    for twin in running_twins.values():
        assert (await twin.http.post("/api/_lab/reset")).status_code == 200
    async with at(sandbox.address) as plain:
        found = {"plain": plain, **running_twins}
        for ehr in found.values():
            await ehr.register(house)
        yield found


async def through_the_lightbox(seen: Watched, site: Site, app: Shop, ehr: SmartSandbox, username: str) -> Clinic:
    """From the app's button to the exchange; the EHR's page is a window of its own, and closes by itself."""
    token = await app.link_token(user_id=f"{username} at {ehr.name}", org_id=ehr.name, emr_name="SMART",
                                 emr_instance_domain=ehr.address)  # fmt: skip
    await seen.goto(f"{site.address}/#token={token}")
    box = Lightbox(seen.page)
    await box.launch()
    await box.agree()
    await box.at("redirect")
    async with seen.context.expect_page() as opening:
        await box.press()
    window = await opening.value
    await EhrPage(window).sign_in(username)
    async with window.expect_event("close"):
        await EhrPage(window).press("Allow")
    [[_, public_token]] = await box.called("success")
    await box.press()
    await box.is_gone()
    return await linked(app, ehr, token, public_token)


async def linked(app: Shop, ehr: SmartSandbox, link_token: str, public_token: str) -> Clinic:
    answer = (await app.exchange(public_token)).json()
    account = (await app.session(link_token))["account_id"]
    keys = {"account_id": account, "access_token": answer["token"], "ehr_username": "user_good"}
    return Clinic(app, Sandbox(ehr.http, ehr.origin), keys, await ehr.session())


async def test_a_clinician_links_from_the_lightbox_and_the_app_reads_and_writes(
    house: House, client: httpx2.AsyncClient, site: Site, browser: Browser, ehrs: Ehrs
) -> None:
    app = await shop(house, client, "Acme Scribe", test=False, origins=[site.address])
    for name, ehr in ehrs.items():
        async with watched(browser, color_scheme="dark" if name in ("epic", "athenahealth") else "light") as seen:
            clinic = await through_the_lightbox(seen, site, app, ehr, "user_code")
            assert seen.foreign(site.address, house.settings.public_url, ehr.origin) == [], name  # S-123
            assert seen.said == [], name  # S-114
        await reads(clinic, name)
        await writes(clinic, name)


async def reads(clinic: Clinic, name: str) -> None:
    """What the API and the EHR's own FHIR say is what the EHR's pages show, and what it lacks is said."""
    person = (await clinic.chart("patients", limit=1))["patients"][0]
    found = (await clinic.read("/v1/patients", last_name=person["last_name"], mrn=person["mrn"]))["patients"]
    assert [each["mrn"] for each in found] == [person["mrn"]], name
    record = await clinic.read(f"/v1/fhir/Patient/{found[0]['ehr_id']}")
    assert (record["resourceType"], record["birthDate"]) == ("Patient", person["dob"]), name
    offered = offers(await clinic.read("/v1/capabilities"))
    today = str(datetime.now(PRACTICE).date())
    if "appointments" not in offered:
        refused = await clinic.call("GET", "/v1/appointments", params={"start_date": today, "end_date": today})
        assert refused.json()["error"] == "not_supported", refused.text
        assert "by its id only" in refused.json()["message"]
        return
    told = (await clinic.chart("appointments", start=today, end=today))["appointments"]
    ours = (await clinic.read("/v1/appointments", start_date=today, end_date=today))["appointments"]
    assert {each["ehr_appointment_id"] for each in ours} == {each["id"] for each in told} and told, name


async def writes(clinic: Clinic, name: str) -> None:
    """A visit is booked and a note is written wherever the EHR lets anybody do so; elsewhere the app is told."""
    offered = offers(await clinic.read("/v1/capabilities"))
    assert {"appointments.create", "notes.create"} & offered == WRITES[name], name
    if "appointments.create" in offered:
        slot = await free_slot(clinic)
        job = await clinic.done("/v1/appointments", slot)
        assert job["state"] == "succeeded", (name, job)
        mine = (await clinic.read(f"/v1/appointments/{job['record_id']}"))["appointment"]
        visit = (await clinic.chart(f"appointments/{mine['ehr_appointment_id']}"))["appointment"]
        assert (visit["patient"]["mrn"], visit["provider_id"]) == (slot["mrn"], slot["provider"]), name
    note = {"appointment_id": await a_visit(clinic), "note": "Cough for 3 days\nRest"}
    if "notes.create" not in offered:
        refused = await clinic.call("POST", "/v1/notes", json={"appointment_id": "1", "note": "Cough"})
        assert refused.json()["error"] == "not_supported", refused.text
        return
    job = await clinic.done("/v1/notes", note)
    assert job["state"] == "succeeded", (name, job)
    ehr_id = job["data"]["ehr_note_id"]
    shown = (await clinic.chart(f"notes/{ehr_id}"))["note"]
    assert "Cough for 3 days" in shown["text"], (name, shown)
    record = await clinic.read(f"/v1/fhir/DocumentReference/{ehr_id}")
    assert record["docStatus"] == "preliminary", (name, record)


async def free_slot(clinic: Clinic) -> dict[str, Any]:
    """The fields of an appointment in an open time of the EHR's, found by its own FHIR through us."""
    days = {
        "start": [
            f"{op}{datetime.now(PRACTICE).date() + timedelta(days=n)}T00:00:00Z" for op, n in (("ge", 1), ("lt", 8))
        ]
    }
    found = await clinic.read("/v1/fhir/Slot", **{**days, "schedule.actor": "Practitioner/501"})
    slot = next(each["resource"] for each in found["entry"] if each["resource"]["status"] == "free")
    schedule = await clinic.read(f"/v1/fhir/{slot['schedule']['reference']}")
    actors = dict(each["reference"].split("/")[-2:] for each in schedule["actor"])
    kind = (await clinic.chart("settings"))["visit_types"][0]
    person = (await clinic.chart("patients", limit=1))["patients"][0]
    return {
        "mrn": person["mrn"], "provider": actors["Practitioner"], "location": actors["Location"], "type": kind["code"],
        "datetime": slot["start"], "reason": "Follow-up",
    }  # fmt: skip


async def a_visit(clinic: Clinic) -> str:
    """Our id of one that has begun, so that the EHR keeps notes at it; none where visits cannot be listed."""
    today = datetime.now(PRACTICE).date()
    days = {"start_date": str(today - timedelta(days=7)), "end_date": str(today)}
    answer = await clinic.call("GET", "/v1/appointments", params=days)
    begun = [each for each in answer.json().get("appointments", ()) if each["status"] in ("arrived", "fulfilled")]
    return str(begun[-1]["id"]) if begun else ""


def offers(said: dict[str, Any]) -> set[str]:
    return {each["capability"] for each in (*said["reads"], *said["writes"]) if each["offered"]}


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
async def test_a_clinician_links_in_a_window_and_the_app_shows_the_visits(
    house: House, client: httpx2.AsyncClient, browser: Browser, ehrs: Ehrs, scripts: bool
) -> None:
    for name, ehr in ehrs.items():
        async with (
            scribe(house, client, org_id=f"{name}-{scripts}", test=False) as app,
            watched(browser, java_script_enabled=scripts) as seen,
        ):
            await app.app.link_token(org_id=f"{name}-{scripts}", emr_name="SMART", emr_instance_domain=ehr.address)
            await app.connect(seen)
            await seen.press("Allow and continue")
            await seen.page.locator("[data-pane=redirect] button.go").click()
            await EhrPage(seen.page).allow()
            if name == "athenahealth":
                await seen.reads("finds an Appointment by its id only")
                continue
            assert sorted(await app.schedule(seen, ehr.origin)) == sorted(await patients_of_these_days(ehr)), name
            assert len(seen.context.pages) == 2


async def patients_of_these_days(ehr: SmartSandbox) -> list[str]:
    today = datetime.now(PRACTICE).date()
    days = {"start": str(today), "end": str(today + timedelta(days=1))}
    rows = (await ehr.read("appointments", await ehr.session(), **days))["appointments"]
    assert rows
    return [f"{row['patient']['first_name']} {row['patient']['last_name']}" for row in rows]


async def test_a_patient_links_and_the_app_sees_her_chart_alone(
    house: House, client: httpx2.AsyncClient, site: Site, browser: Browser, ehrs: Ehrs
) -> None:
    app = await shop(house, client, "Her Health", test=False, origins=[site.address])
    for name, ehr in ehrs.items():
        await ehr.register(house, scopes=PATIENT)
        async with watched(browser) as seen:
            clinic = await through_the_lightbox(seen, site, app, ehr, "patient_good")
            assert seen.said == [], name
        found = (await clinic.read("/v1/patients"))["patients"]
        assert [f"{each['first_name']} {each['last_name']}" for each in found] == ["Dana Whitlock"], name
        hers = found[0]["ehr_id"]
        assert (await clinic.read(f"/v1/fhir/Patient/{hers}"))["id"] == hers
        other = await clinic.call("GET", f"/v1/fhir/Patient/{hers[:-1]}2")
        assert other.status_code in (403, 404), (name, other.text)
        refused = await clinic.call("POST", "/v1/tasks", json={"patient_mrn": "1", "description": "x"})
        assert refused.status_code >= 400


async def test_a_patient_links_in_a_window_without_scripts(
    house: House, client: httpx2.AsyncClient, browser: Browser, ehrs: Ehrs
) -> None:
    ehr = ehrs["plain"]
    await ehr.register(house, scopes=PATIENT)
    async with scribe(house, client, org_id="hers", test=False) as app:
        await app.app.link_token(org_id="hers", emr_name="SMART", emr_instance_domain=ehr.address)
        async with watched(browser, java_script_enabled=False) as seen:
            await app.connect(seen)
            await seen.press("Allow and continue")
            await seen.page.locator("[data-pane=redirect] button.go").click()
            await EhrPage(seen.page).allow("patient_good")
            assert set(await app.schedule(seen, ehr.origin)) <= {"Dana Whitlock"}
