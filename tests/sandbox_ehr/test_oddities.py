"""Each switch of what real FHIR servers do has its effect, and without it the server has none of it."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sandbox_ehr.lab.oddities import Oddities
from tests.sandbox_ehr.conftest import NOON
from tests.sandbox_ehr.fhir_cases import APPOINTMENT, DOCUMENT, TASK, Writer
from tests.support.sandbox_client import SandboxClient
from tests.support.smart_app import SmartApp, query_of, resources

DAY = {"date": ["ge2026-11-24T00:00:00-05:00", "lt2026-11-25T00:00:00-05:00"]}
XHTML = base64.b64encode(b"<div>Well.<br /><script>x</script></div>").decode()
PRACTICE = "ah-practice=Organization/a-1.Practice-1"


class Case:
    """An app with a token for everything, while one switch is on, or none."""

    def __init__(self, writer: Writer, ehr: SandboxClient) -> None:
        self.writer = writer
        self.app = writer.app
        self.ehr = ehr

    async def status(self, path: str, query: Any = None, **headers: str) -> int:
        return (await self.app.get(path, self.writer.token, query, **headers)).status_code

    async def found(self, kind: str, **query: Any) -> list[dict[str, Any]]:
        return resources(await self.app.read(kind, self.writer.token, {"_count": "20", **query}), kind)

    async def bundle(self, kind: str, **query: Any) -> dict[str, Any]:
        return await self.app.read(kind, self.writer.token, query)

    async def sent(self, body: dict[str, Any], **headers: str) -> int:
        return (await self.writer.send("POST", body["resourceType"], body, **headers)).status_code


def note(media_type: str, data: str, **more: Any) -> dict[str, Any]:
    return DOCUMENT | {"content": [{"attachment": {"contentType": media_type, "data": data}}]} | more


async def relinked(case: Case) -> str:
    """The scopes of a new link that asks for both versions."""
    return (await case.app.tokens("openid offline_access user/Patient.read user/Task.rs"))["scope"]


async def changed(case: Case, **change: Any) -> Any:
    made = await case.writer.make(TASK)
    response = await case.writer.send("PUT", f"Task/{made['id']}", made | change)
    return response, made


async def refreshed_twice(case: Case) -> tuple[bool, int]:
    tokens = await case.app.tokens("offline_access user/*.rs")
    first = (await case.app.refresh(tokens["refresh_token"])).json()
    again = await case.app.refresh(first.get("refresh_token", tokens["refresh_token"]))
    return "refresh_token" in first, again.status_code


async def stale_put(case: Case) -> int:
    made = await case.writer.make(TASK)
    return (await case.writer.send("PUT", f"Task/{made['id']}", made, if_match='W/"old"')).status_code


async def read_four_times(case: Case) -> list[int]:
    document = (await case.found("DocumentReference"))[0]
    return [await case.status(f"Binary/{document['id']}") for _ in "four"]


async def binary_as(case: Case, accept: str) -> int:
    document = (await case.found("DocumentReference"))[0]
    return await case.status(f"Binary/{document['id']}", accept=accept)


async def next_page(case: Case) -> int:
    whole = await case.bundle("Location", _count="1")
    return await case.status(next(each["url"] for each in whole["link"] if each["relation"] == "next"))


async def shapes(case: Case) -> set[str]:
    attachments = [each["content"][0]["attachment"] for each in await case.found("DocumentReference", _count="50")]
    return {name for each in attachments for name in ("extension", "data") if name in each} | {
        each["url"].split("/")[0] for each in attachments if "url" in each
    }


async def references(case: Case) -> set[str]:
    actors = [one["actor"]["reference"] for each in await case.found("Appointment") for one in each["participant"]]
    return {actor.partition(":")[0] if ":" in actor else actor[0] for actor in actors}


async def lacking(case: Case) -> set[str]:
    found = await case.found("Appointment", _count="40")
    return {name for each in found for name in ("start", "end") if name not in each}


async def put_over(case: Case) -> str:
    response, made = await changed(case, description="Other")
    assert response.status_code == 200
    return (await case.app.read(f"Task/{made['id']}", case.writer.token))["description"]


async def signed(case: Case) -> str:
    visit = (await case.found("Encounter", patient="10001"))[0]
    context = {"encounter": [{"reference": f"Encounter/{visit['id']}"}]}
    return (await case.writer.make(DOCUMENT | {"context": context, "docStatus": "final"}))["docStatus"]


async def stored_note(case: Case) -> str:
    made = await case.writer.make(note("application/xhtml+xml", XHTML))
    return (await case.app.get(f"Binary/{made['id']}", case.writer.token)).text


async def empty_answer(case: Case) -> tuple[int, int, bool]:
    response = await case.writer.send("POST", "Task", TASK)
    return response.status_code, len(response.content) and 1, "location" in response.headers


async def many_calls(case: Case) -> int:
    for _ in range(255):
        status = await case.status("Location/101")
    return status


async def token_members(case: Case) -> set[str]:
    return {"expires_in"} & (await case.app.tokens("user/*.rs")).keys()


async def state_back(case: Case) -> str:
    page = await case.app.consent(state='ab"cd')
    return query_of(await case.app.submit(page, decision="deny")).get("state", "")


async def first_mode(case: Case) -> list[str]:
    return [each["search"]["mode"] for each in (await case.bundle("Patient", family="Nobody")).get("entry", [])]


async def ids(case: Case, kind: str, **query: Any) -> list[str]:
    return [each["id"] for each in await case.found(kind, **query)]


async def posted(case: Case) -> int:
    headers = {"authorization": f"Bearer {case.writer.token}"}
    whole = await case.app.http.post("/fhir/r4/Location/_search?name=Riverside+North", data={}, headers=headers)
    return len(resources(whole.json(), "Location"))


async def by_place(case: Case, location: str) -> int:
    return len(await case.found("Appointment", date="2026-11-24", location=location))


async def issuers(case: Case) -> bool:
    server = await case.app.discovered()
    return server["issuer"].startswith("https://issuer") and "refresh_token" not in server["grant_types_supported"]


async def last_changed(case: Case) -> str:
    return (await case.app.read("Patient/10001", case.writer.token))["meta"]["lastUpdated"][:10]


async def classes(case: Case) -> set[str]:
    return {each["class"]["code"] for each in await case.found("Encounter")} & {"7"}


async def code_shapes(case: Case) -> int:
    found = await case.found("Condition", _count="40")
    return len(
        {(len(each["code"].get("coding", [])), "display" in each["code"].get("coding", [{}])[0]) for each in found}
    )


async def titles(case: Case) -> bool:
    return {each["type"].get("text") for each in await case.found("DocumentReference")} == {"Document"}


async def survivor(case: Case) -> tuple[bool, int]:
    read = await case.app.read("Patient/10009", case.writer.token)
    return read["active"], len(await case.found("Patient", _id="10009"))


async def dropped(case: Case) -> bool:
    return (await case.writer.make(note("application/pdf", "JVBERi0=", description="Scan")))["description"] == "Scan"


async def limited(case: Case, count: int) -> int:
    return len(await case.found("Patient", _count=str(count)))


async def failed(case: Case) -> bool:
    return [each["resource"]["resourceType"] for each in (await case.bundle("Location"))["entry"]] == [
        "OperationOutcome"
    ]


SSN = "http://hl7.org/fhir/sid/us-ssn|999-99-0002"
# For each switch: what to try, what comes without it, and what with it.
CASES: dict[str, tuple[Callable[[Case], Awaitable[Any]], Any, Any]] = {
    "fhir_01": (first_mode, [], ["outcome"]),
    "fhir_02": (failed, False, True),
    "fhir_03": (lambda case: limited(case, 150), 150, 100),
    "fhir_04": (next_page, 200, 400),
    "fhir_06": (lambda case: limited(case, 3), 3, 7),
    "fhir_07": (lambda case: case.status("Appointment", DAY), 200, 400),
    "fhir_08": (lambda case: case.status("Appointment", {"date": "2026-11-24"}), 200, 400),
    "fhir_09": (lambda case: case.status("Appointment", DAY), 200, 400),
    "fhir_10": (posted, 1, 3),
    "fhir_11": (lambda case: case.status("Coverage", {"patient": "10001"}), 200, 403),
    "fhir_12": (lambda case: by_place(case, "Location/101"), 18, 0),
    "fhir_13": (lambda case: ids(case, "Patient", _id="0001"), [], ["0001"]),
    "fhir_15": (references, {"L", "P"}, {"L", "P", "#", "urn", "http"}),
    "fhir_16": (lambda case: ids(case, "Patient", _id="a-1.E-10001"), [], ["a-1.E-10001"]),
    "fhir_17": (survivor, (True, 1), (False, 0)),
    "fhir_19": (classes, set(), {"7"}),
    "fhir_20": (code_shapes, 1, 3),
    "fhir_21": (titles, False, True),
    "fhir_22": (shapes, {"Binary"}, {"http:", ".", "data", "extension"}),
    "fhir_23": (lambda case: binary_as(case, "*/*"), 200, 406),
    "fhir_24": (read_four_times, [200, 200, 200, 200], [200, 200, 200, 403]),
    "fhir_25": (lambda case: case.status("Location"), 200, 500),
    "fhir_27": (last_changed, None, "2026-11-24"),
    "fhir_28": (lacking, set(), {"start", "end"}),
    "fhir_29": (lambda case: case.sent(DOCUMENT | {"date": "2026-11-24"}), 201, 422),
    "fhir_30": (lambda case: ids(case, "Patient", identifier=SSN), [], ["10002"]),
    "fhir_31": (lambda case: case.status("Patient/10003"), 200, 403),
    "fhir_32": (empty_answer, (201, 1, True), (201, 0, True)),
    "fhir_33": (lambda case: case.sent(APPOINTMENT), 201, 422),
    "fhir_34": (put_over, "Other", "About the results"),
    "fhir_35": (lambda case: case.sent(TASK), 201, 200),
    "fhir_36": (lambda case: case.sent(TASK, if_none_exist="identifier=x"), 201, 412),
    "fhir_37": (dropped, True, False),
    "fhir_38": (stored_note, "<div>Well.<br /><script>x</script></div>", "<div>Well.<br /></div>"),
    "fhir_39": (stale_put, 412, 409),
    "fhir_40": (signed, "final", "preliminary"),
    "fhir_41": (lambda case: case.sent(TASK | {"status": "in-progress"}), 201, 422),
    "fhir_42": (token_members, {"expires_in"}, set()),
    "fhir_43": (
        relinked,
        "openid offline_access user/Patient.read user/Task.rs",
        "openid user/Task.rs",
    ),
    "fhir_44": (refreshed_twice, (True, 200), (False, 429)),
    "fhir_45": (issuers, False, True),
    "fhir_48": (state_back, 'ab"cd', "ab"),
    "fhir_49": (lambda case: case.status("Location"), 200, 403),
    "fhir_50": (many_calls, 200, 429),
}


def test_every_switch_has_a_case() -> None:
    assert list(CASES) == list(Oddities.__struct_fields__)


@pytest.fixture
async def case(ehr: SandboxClient) -> Case:
    await ehr.lab("clock", {"now": NOON, "frozen": True})
    app = SmartApp(ehr.http)
    await app.register()
    return Case(Writer(app, (await app.tokens("user/*.cruds"))["access_token"]), ehr)


async def test_each_switch_does_what_it_says_and_nothing_without_it(case: Case) -> None:
    wrong = {}
    for name, (tried, without, with_it) in CASES.items():
        await case.ehr.lab("faults", {})
        plain = await tried(case)
        await case.ehr.lab("faults", {name: True})
        odd = await tried(case)
        if without not in (None, plain) or (odd != with_it and (with_it is not None or odd == plain)):
            wrong[name] = (plain, odd)
    assert wrong == {}


async def test_what_a_switch_says_was_not_written_is_written_and_the_other_way_round(case: Case) -> None:
    reference = {"identifier": [{"system": "https://sandbox-ehr.example/fhir/client-ref", "value": "odd"}]}
    await case.ehr.lab("faults", {"fhir_33": True})
    assert await case.sent(APPOINTMENT | reference) == 422
    await case.ehr.lab("faults", {"fhir_35": True})
    assert await case.sent(TASK | reference) == 200
    assert await case.ehr.written("odd") == {"appointment": 1, "task": 1}


async def test_a_switch_meets_the_next_requests_of_a_path_only(case: Case) -> None:
    await case.ehr.lab("faults", {"fhir_31": True, "times": 1, "only_path": "/fhir/r4/Patient"})
    assert await case.status("Location/101") == 200
    assert [await case.status("Patient/10003") for _ in "ab"] == [403, 200]


async def test_prefixed_ids_are_taken_back_in_reads_searches_and_writes(case: Case) -> None:
    await case.ehr.lab("faults", {"fhir_16": True})
    patient = await case.app.read("Patient/a-1.E-10001", case.writer.token)
    assert patient["managingOrganization"]["reference"] == "Organization/a-1.Practice-1"
    assert await case.status(patient["managingOrganization"]["reference"]) == 200
    found = await case.found("Encounter", patient="Patient/a-1.E-10001")
    assert {each["subject"]["reference"] for each in found} == {"Patient/a-1.E-10001"}
    actors = ("Patient/a-1.E-10001", "Practitioner/a-1.Provider-501", "Location/a-1.Department-101")
    people = [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors]
    made = await case.writer.make(APPOINTMENT | {"participant": people})
    assert made["id"].startswith("a-1.appointment-A")
    assert [each["actor"]["reference"] for each in made["participant"]] == list(actors)
