"""After linking, the API tells exactly what the sandbox EHR's own API tells, under ids that stay."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stories.chart_of_sandbox import Chart, only
from tests.stories.conftest import Meet
from tests.support.world import Sandbox, Shop

TODAY = datetime.now(UTC).date()
WEEK = {"start_date": str(TODAY - timedelta(days=3)), "end_date": str(TODAY + timedelta(days=3))}


async def linked(app: Shop, meet: Meet, username: str = "user_good", **wanted: str) -> dict[str, Any]:
    """The exchange's answer after this login went through Link."""
    answer = await app.exchange(await meet(username).link(await app.link_token(**wanted)))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def read(app: Shop, token: str, path: str, **params: Any) -> dict[str, Any]:
    answer = await app.call("GET", path, params=params, access_token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ids(app: Shop, token: str) -> dict[str, dict[str, str]]:
    """Our ids of everything, by the EHR's, per kind."""
    visits = (await read(app, token, "/v1/appointments", **WEEK))["appointments"]
    found = {"appointments": {each["ehr_appointment_id"]: each["id"] for each in visits}}
    for kind in ("patients", "providers", "locations"):
        found[kind] = {each["ehr_id"]: each["id"] for each in (await read(app, token, f"/v1/{kind}"))[kind]}
    return found


async def test_everything_is_as_the_ehr_tells_it(acme: Shop, meet: Meet, sandbox: Sandbox) -> None:
    await sandbox.lab("clock", {"advance": 0, "frozen": True})  # a visit's status follows the clock
    token = (await linked(acme, meet))["token"]
    ehr = Chart(sandbox, await sandbox.session("user_good"))
    told = await ehr.appointments(WEEK["start_date"], WEEK["end_date"])
    ours = (await read(acme, token, "/v1/appointments", include_note="true", **WEEK))["appointments"]
    assert only(told, ours) == told and len(told) > 20
    assert any(each["insurances"] for each in ours) and any(each["progress_note"] for each in ours)
    assert (
        only(told := await ehr.patients(), (await read(acme, token, "/v1/patients", page_size=500))["patients"]) == told
    )
    assert only(told := await ehr.providers(), (await read(acme, token, "/v1/providers"))["providers"]) == told
    assert only(told := await ehr.locations(), (await read(acme, token, "/v1/locations"))["locations"]) == told
    settings = (await read(acme, token, "/v1/settings"))["data"]
    assert settings.pop("access_token_reference_id") == "user-1"
    assert settings == await ehr.settings()


async def test_one_appointment_is_found_by_either_id_under_either_path(acme: Shop, meet: Meet) -> None:
    token = (await linked(acme, meet))["token"]
    first = (await read(acme, token, "/v1/appointments", **WEEK))["appointments"][0]
    for path in ("/v1/appointments", "/v1/appointment"):
        for either in (first["id"], first["ehr_appointment_id"]):
            assert (await read(acme, token, f"{path}/{either}"))["appointments"]["id"] == first["id"]


async def test_patients_are_filtered_and_come_in_pages(acme: Shop, meet: Meet) -> None:
    token = (await linked(acme, meet))["token"]
    everybody = (await read(acme, token, "/v1/patients", page_size=500))["patients"]
    pages = [await read(acme, token, "/v1/patients", page=page, page_size=7) for page in (1, 2)]
    assert [each["id"] for page in pages for each in page["patients"]] == [each["id"] for each in everybody[:14]]
    assert pages[0]["pagination"]["total_count"] == len(everybody)
    wanted = everybody[3]
    for name in ("mrn", "ehr_id", "dob", "last_name"):
        found = (await read(acme, token, "/v1/patients", **{name: wanted[name]}))["patients"]
        assert wanted in found and len(found) < len(everybody)


async def test_linking_again_is_the_same_account_with_another_token(acme: Shop, meet: Meet) -> None:
    first, again = await linked(acme, meet), await linked(acme, meet)
    assert first["token"] != again["token"]
    accounts = (await read(acme, first["token"], "/v1/accounts"))["accounts"]
    assert len(accounts) == 1
    assert await ids(acme, first["token"]) == await ids(acme, again["token"])


async def test_two_clinicians_of_one_org_see_one_record_under_one_id(acme: Shop, rival: Shop, meet: Meet) -> None:
    dana = await linked(acme, meet, "user_good", user_id="dana")
    cody = await linked(acme, meet, "user_code", user_id="cody")
    assert len((await read(acme, dana["token"], "/v1/accounts"))["accounts"]) == 2
    theirs = await ids(acme, dana["token"])
    assert theirs == await ids(acme, cody["token"])
    # Another app knows the same records under ids of its own.
    other = await ids(rival, (await linked(rival, meet))["token"])
    for kind, known in theirs.items():
        assert known.keys() == other[kind].keys() and set(known.values()).isdisjoint(other[kind].values())
