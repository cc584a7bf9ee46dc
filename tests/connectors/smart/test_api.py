"""Through the API, with an account of a SMART EHR: one refresh for many calls, grants, and the EHR's own FHIR."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.ehrs import AccountEhrs
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.renewals import Renewals
from cobalt_link.accounts.sessions import EhrSessions, RenewalTimes
from cobalt_link.app import House
from cobalt_link.connector import EhrInstance, PatientQuery
from cobalt_link.connectors.smart import Smart
from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.writes.run import LAST_LOOK
from tests.connectors.smart.chart import appointment, patient
from tests.connectors.smart.runs import granted, run
from tests.stories.person import Person
from tests.support.clinic import LinkedApp
from tests.support.ehrs.smart import App, Registered, SmartEhr, capability_statement, to
from tests.support.world import Shop, shop

CALLS, PROCESSES = 64, 4


class Linked(LinkedApp):
    """An app with an account at the EHR, which its user has let it write to. `at` is the account as it was stored."""

    def __init__(self, app: Shop, at: Account, token: str) -> None:
        super().__init__(app, str(at.id), token)
        self.at = at


@pytest.fixture
async def link(house: House, client: httpx2.AsyncClient, ehr: SmartEhr) -> Linked:
    return await linked(house, client, ehr)


async def linked(
    house: House,
    client: httpx2.AsyncClient,
    ehr: SmartEhr,
    writes: tuple[str, ...] = ("appointments.update", "tasks.create"),
) -> Linked:
    connector = house.deps.connectors["smart"]
    assert isinstance(connector, Smart)
    connector.registrations = Registered(App(ehr.address))
    grant = granted(await run(connector, ehr))
    app = await shop(house, client, "Acme Live", test=False)
    org = await house.developers.orgs.ensure(app.record, "riverside")
    async with house.db.transaction() as tx:
        account = await house.accounts.accounts.keep(
            tx, client=app.record.id, org=org.id, org_id="riverside", user_id="u-1", connector="smart",
            instance=EhrInstance(address=ehr.address), grant=grant, answers={}, writes=writes,
        )  # fmt: skip
    return Linked(app, account, await house.accounts.access.issue(account, "live"))


async def test_many_calls_on_an_ended_token_make_one_refresh(house: House, link: Linked, ehr: SmartEhr) -> None:
    # S-012: strict rotation with reuse detection, so a second refresh would end the grant
    deps, rooms = house.deps, house.accounts

    def another_process() -> EhrSessions:
        times = RenewalTimes()
        renewals = Renewals(deps.db, deps.vault, rooms.keys, deps.clock, rooms.tries, seconds=times.lease)
        health, ehrs = InstanceHealth(deps.db, deps.clock), AccountEhrs(deps.connectors, house.developers.ehr_domains)
        return EhrSessions(rooms.accounts, renewals, health, ehrs, deps.clock, times)

    async def step(connector: Smart, chart: object) -> int:
        return (await connector.patients(chart, PatientQuery(mrn="1"))).total  # type: ignore[arg-type]

    ehr.access.clear()
    before = ehr.count("/token")
    processes = [another_process() for _ in range(PROCESSES)]
    calls = [processes[n % PROCESSES].read(link.at, step) for n in range(CALLS)]
    assert await asyncio.gather(*calls) == [0] * CALLS
    assert ehr.count("/token") == before + 1
    account = await rooms.accounts.by_id(link.at.id)
    assert account.health == "active" and account.offers == link.at.offers


async def test_a_revoked_grant_asks_for_its_user(link: Linked, ehr: SmartEhr) -> None:
    # S-043
    ehr.access.clear()
    ehr.refresh = dict.fromkeys(ehr.refresh, False)
    for _ in range(2):
        response = await link.call("GET", "/v1/patients")
        assert (response.status_code, response.json()["error"]) == (403, "login_required")
    assert ehr.count("/token") == 2  # the exchange, and one refresh that was refused


async def test_resources_and_capabilities_follow_the_grant(
    house: House, client: httpx2.AsyncClient, ehr: SmartEhr
) -> None:
    # S-042
    ehr.answer = {"scope": "openid fhirUser user/Patient.rs"}
    patient(ehr)
    link = await linked(house, client, ehr)
    found = await link.call("GET", "/v1/patients")
    assert [each["mrn"] for each in found.json()["patients"]] == ["MRN-1"], found.text
    days = {"start_date": "2026-03-04", "end_date": "2026-03-05"}
    for path, params in (("/v1/appointments", days), ("/v1/providers", {}), ("/v1/locations", {}), ("/v1/tasks", {})):
        refused = await link.call("GET", path, params=params)
        assert (refused.status_code, refused.json()["error"]) == (403, "not_granted"), (path, refused.text)
    said = (await link.call("GET", "/v1/capabilities")).json()
    reads = {each["capability"]: each for each in said["reads"]}
    assert reads["patients"]["offered"] and not reads["appointments"]["offered"]
    (account,) = (await link.app.call("GET", "/v1/accounts")).json()["accounts"]
    assert {"appointments", "notes.create"} <= set(account["not_granted"]) and "patients" not in account["not_granted"]
    assert reads["appointments"]["reason"] == "SMART on FHIR has it, but this user's grant leaves it out."
    assert not any(each["offered"] for each in said["writes"])


async def test_appointments_come_through_the_unified_api(link: Linked, ehr: SmartEhr) -> None:
    patient(ehr)
    appointment(ehr)
    found = await link.call("GET", "/v1/appointments", params={"start_date": "2026-03-04", "end_date": "2026-03-04"})
    assert found.status_code == 200, found.text
    (one,) = found.json()["appointments"]
    assert one["patient"]["mrn"] == "MRN-1" if "patient" in one else one["patient_mrn"] == "MRN-1"


async def test_the_ehrs_own_fhir_goes_through_within_the_grant(house: House, link: Linked, ehr: SmartEhr) -> None:
    patient(ehr)
    appointment(ehr)
    for n in range(3):
        patient(ehr, f"p-{n + 2}")
    found = await link.call("GET", "/v1/fhir/Patient/p-1", headers={"If-None-Match": 'W/"0"'})
    assert (found.status_code, found.json()["id"], found.headers["etag"]) == (200, "p-1", 'W/"1"')
    assert found.headers["cache-control"] == "no-store"
    page = await link.call("GET", "/v1/fhir/Patient", params={"_count": "2", "access_token": "x", "family": "Betz"})
    assert "access_token" not in ehr.heard[-1][1] and link.token not in str(ehr.heard)
    (more,) = page.json()["link"]
    assert more["url"].startswith("Patient?") and len(page.json()["entry"]) == 2
    rest = await link.call("GET", f"/v1/fhir/{more['url']}")
    assert [each["resource"]["id"] for each in rest.json()["entry"]] == ["p-3", "p-4"]
    made = await link.call("POST", "/v1/fhir/Task", json={"resourceType": "Task", "status": "requested"})
    assert made.status_code == 201
    assert made.headers["location"].startswith(f"{house.settings.public_url}/v1/fhir/Task/new-1")
    put = await link.call("PUT", "/v1/fhir/Appointment/a-1", json={"resourceType": "Appointment", "id": "a-1"})
    assert put.status_code == 200
    missing = await link.call("GET", "/v1/fhir/Patient/nobody")
    assert (missing.status_code, missing.json()["resourceType"]) == (404, "OperationOutcome")
    trail = await house.db.rows("SELECT what FROM audit WHERE account = %s ORDER BY id", (link.at.id,))
    assert {"fhir GET Patient", "fhir POST Task", "fhir PUT Appointment"} <= {row["what"] for row in trail}


async def test_no_path_leads_around_the_grant_or_off_the_server(
    house: House, client: httpx2.AsyncClient, ehr: SmartEhr
) -> None:
    # S-036
    ehr.answer = {"scope": "openid fhirUser user/Patient.rs user/Observation.c"}
    patient(ehr)
    link = await linked(house, client, ehr)
    heard = len(ehr.heard)
    for method, path, code in (
        ("GET", "Appointment", "no_rights"), ("PUT", "Appointment/a-1", "no_rights"), ("POST", "Task", "no_rights"),
        ("POST", "Patient/_history", "write_not_allowed"), ("GET", "Patient/p-1/$everything", "not_supported"),
        ("GET", "..%2Fadmin", "not_supported"), ("GET", "Patient/..%2F..%2Ftoken", "not_supported"),
        ("GET", "%2F%2Fevil.example/Patient", "not_supported"), ("GET", "https:%2F%2Fevil.example", "not_supported"),
        ("POST", "Appointment/_search", "no_rights"), ("GET", "Patient/p-1/Observation", "not_supported"),
        ("GET", "Patient%3F_include=Patient:*", "not_supported"), ("PUT", "Appointment", "not_supported"),
    ):  # fmt: skip
        options = {"json": {}} if method != "GET" else {}
        refused = await link.call(method, f"/v1/fhir/{path}", **options)
        assert refused.json().get("error") in (code, "not_found"), (method, path, refused.text)
    assert len(ehr.heard) == heard
    ehr.replies["/fhir/Patient"] = to("https://evil.example/")
    assert (await link.call("GET", "/v1/fhir/Patient")).status_code == 502


async def test_the_ehrs_own_fhir_gives_what_the_consent_told(house: House, link: Linked, ehr: SmartEhr) -> None:
    # Its user granted everything at the EHR, and allowed to change appointments and to make tasks.
    heard = len(ehr.heard)
    search = {"content": "_include=Appointment:actor", "headers": {"content-type": "application/x-www-form-urlencoded"}}
    for method, path, code, options in (
        ("POST", "Appointment", "write_not_allowed", {}), ("POST", "DocumentReference", "write_not_allowed", {}),
        ("PUT", "Task/t-1", "write_not_allowed", {}), ("POST", "Communication", "write_not_allowed", {}),
        ("POST", "Patient", "write_not_allowed", {}), ("POST", "AllergyIntolerance", "write_not_allowed", {}),
        ("PUT", "DocumentReference/d-1", "write_not_allowed", {}),
        ("GET", "AllergyIntolerance", "not_in_consent", {}), ("GET", "Condition/c-1", "not_in_consent", {}),
        ("POST", "Condition/_search", "not_in_consent", {}), ("POST", "Appointment/_search", "not_in_consent", search),
        ("GET", "Patient?_revinclude=Condition:patient", "not_in_consent", {}),
        ("GET", "Patient?_revinclude:iterate=*", "not_in_consent", {}),
        ("GET", "Appointment?_include=Appointment:actor", "not_in_consent", {}),
        ("GET", "Task?_include=Task:focus:Condition", "not_in_consent", {}),
    ):  # fmt: skip
        sent = {"json": {}} if method != "GET" and not options else options
        refused = await link.call(method, f"/v1/fhir/{path}", **sent)
        assert (refused.status_code, refused.json()["error"]) == (403, code), (method, path, refused.text)
    assert "It needs appointments.create." in (await link.call("POST", "/v1/fhir/Appointment", json={})).text
    assert len(ehr.heard) == heard
    for path in (
        "Patient?_revinclude=Appointment:patient",
        "Appointment?_include=Appointment:patient:Patient",
        "metadata",
    ):
        assert (await link.call("GET", f"/v1/fhir/{path}")).status_code == 200, path
    assert (await link.call("POST", "/v1/fhir/Task", json={"resourceType": "Task"})).status_code == 201
    assert await linked_again(house, link)
    assert (await link.call("POST", "/v1/fhir/Task", json={"resourceType": "Task"})).status_code == 403


async def test_the_consent_lists_what_this_server_offers(
    house: House, client: httpx2.AsyncClient, ehr: SmartEhr
) -> None:
    ehr.statement = capability_statement(without=("Slot", "Coverage"), Communication=("read",), Task=("read",))
    house.deps.connectors["smart"].registrations = Registered(App(ehr.address))
    app = await shop(house, client, "Acme Live", test=False)
    person = Person(client)
    token = await app.link_token(org_id="northlake", emr_name="smart", emr_instance_domain=ehr.address)
    page = await person.open(token)
    if page.pane != "consent":
        page = await person.go_on("consent")
    assert "Not offered by 127.0.0.1 here: staff tasks" in page.text
    assert "Visits: when" in page.text and "adding or changing staff tasks." in page.text
    assert "Open and blocked times" not in page.text
    assert ehr.count("/token") == 0


async def test_a_lost_answer_of_a_server_that_drops_identifiers_stays_unknown(
    house: House, client: httpx2.AsyncClient, ehr: SmartEhr, clock: MovedClock
) -> None:
    # S-086: another try could write it twice
    patient(ehr)
    lost: list[str] = []

    async def drops_and_loses(request: Request) -> Response:
        if request.method != "POST":
            return ehr.plain(request)
        sent = await request.json()
        lost.append(sent.pop("resourceType"))
        sent.pop("identifier")
        ehr.add(lost[-1], f"new-{len(lost)}", **sent)
        return Response(status_code=500)

    ehr.replies |= {f"/fhir/{kind}": drops_and_loses for kind in ("DocumentReference", "Task", "Communication")}
    link = await linked(house, client, ehr, ("patient_notes.create", "tasks.create", "messages.create"))
    jobs = [
        (await link.write(path, body))["job_id"]
        for path, body in (
            ("/v1/patient-notes", {"mrn": "MRN-1", "subject": "Call", "note": "Called", "location_id": "l-1"}),
            ("/v1/tasks", {"mrn": "MRN-1", "description": "Call Ana", "assignee_user_id": "dr-lee"}),
            ("/v1/messages", {"provider": "dr-lee", "subject": "Hello", "message": "See p. 2"}),
        )
    ]
    for job in jobs:
        for _ in range(100):
            if (await link.job(job, wait=0))["code"] == "not_in_ehr_yet":
                break
            await asyncio.sleep(0.05)
    clock.move(LAST_LOOK)
    for job in jobs:
        settled = await link.job(job)
        assert (settled["state"], settled["settled"], settled["code"]) == ("outcome_unknown", True, "OUTCOME_UNKNOWN")
        refused = await link.app.call("POST", f"/v1/jobs/{job}/retry")
        assert (refused.status_code, refused.json()["error"]) == (409, "job_state")
    assert sorted(lost) == ["Communication", "DocumentReference", "Task"]


async def linked_again(house: House, link: Linked) -> bool:
    """The user takes back what the app may write."""
    return await house.db.run("UPDATE accounts SET writes = '{}' WHERE id = %s", (link.at.id,)) == 1
