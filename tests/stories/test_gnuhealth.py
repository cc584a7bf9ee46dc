"""Linking real GNU Health servers by a plain HTTP client, and reading what their own RPC tells."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.stories import chart_of_gnuhealth as chart
from tests.stories.chart_of_sandbox import only
from tests.stories.conftest import Meet
from tests.stories.person import Person
from tests.support.ehrs.gnuhealth import MARKS, GnuHealth
from tests.support.world import Shop

pytestmark = MARKS


@pytest.fixture(autouse=True)
def unlocked(gnuhealth: GnuHealth, gnuhealth_mfa: GnuHealth) -> Iterator[None]:
    """Failed sign-ins of one test neither slow down nor lock out the next."""
    gnuhealth_mfa.forget_codes()
    yield
    for server in (gnuhealth, gnuhealth_mfa):
        server.forget_attempts()


def doctor(meet: Meet, server: GnuHealth, login: str = "ccameron") -> Person:
    return meet(login, server.users[login])


async def access_token(app: Shop, person: Person) -> str:
    answer = (await app.exchange((await person.return_to_app())["token"])).json()
    assert answer["success"], answer
    return answer["token"]


async def read(app: Shop, token: str, path: str, **params: str) -> Any:
    answer = await app.call("GET", path, params=params, access_token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def reads_as_its_own_rpc(app: Shop, token: str, server: GnuHealth, database: str | None = None) -> None:
    told = chart.appointments(server, database)
    ours = (await read(app, token, "/v1/appointments", **chart.days(server)))["appointments"]
    assert only(told, ours) == told and len(told) == 9


async def test_an_org_with_emr_name_and_address_needs_only_a_password(
    hospital_app: Shop, meet: Meet, gnuhealth: GnuHealth
) -> None:
    wanted = {"org_id": "ward-1", "emr_name": "gnu health", "emr_instance_domain": gnuhealth.url}
    cora = doctor(meet, gnuhealth)
    await cora.open(await hospital_app.link_token(**wanted))
    await cora.go_on("credentials")
    assert "Wrong username or password" in (await cora.sign_in("Wrong-Ward-221B")).text
    assert (await cora.sign_in()).pane == "done"
    assert "Cora Cameron" in cora.page.text
    token = await access_token(hospital_app, cora)
    await reads_as_its_own_rpc(hospital_app, token, gnuhealth)
    patients = sorted(
        (await read(hospital_app, token, "/v1/patients"))["patients"], key=lambda each: int(each["ehr_id"])
    )
    assert only(told := chart.patients(gnuhealth), patients) == told
    for path, model in (("providers", "gnuhealth.healthprofessional"), ("locations", "gnuhealth.institution")):
        found = (await read(hospital_app, token, f"/v1/{path}"))[path]
        assert {each["ehr_id"]: each["name"] for each in found} == chart.names(gnuhealth, model)
    settings = (await read(hospital_app, token, "/v1/settings"))["data"]
    assert settings["timezone"] == "America/New_York"
    assert {"code": "confirmed", "description": "Confirmed"} in settings["visit_statuses"]


async def test_an_address_typed_by_hand_leads_there_too(hospital_app: Shop, meet: Meet, gnuhealth: GnuHealth) -> None:
    cora = doctor(meet, gnuhealth)
    assert (await cora.open(await hospital_app.link_token(org_id="ward-2", emr_name=None))).pane == "picker"
    assert "Sandbox" not in cora.page.text  # a live app never sees it
    await cora.follow("manual=1")
    assert "isn’t at this address" in (await cora.type(ehr="gnuhealth", url=cora.browser.origin)).text
    assert (await cora.type(ehr="gnuhealth", url=gnuhealth.url.upper() + "/")).pane == "consent"
    await cora.go_on()
    await reads_as_its_own_rpc(hospital_app, await access_token(hospital_app, cora), gnuhealth)
    # A pick does not fix the EHR of the org (contract §2, end).
    assert (await doctor(meet, gnuhealth).open(await hospital_app.link_token(org_id="ward-2", emr_name=None))).pane == (
        "picker"
    )


async def test_the_second_factor_is_texted_and_typed(hospital_app: Shop, meet: Meet, gnuhealth_mfa: GnuHealth) -> None:
    wanted = {"org_id": "ward-3", "emr_name": "GNU Health", "emr_instance_domain": gnuhealth_mfa.url}
    cora, before = doctor(meet, gnuhealth_mfa), chart.texts(gnuhealth_mfa, "ccameron")
    await cora.open(await hospital_app.link_token(**wanted))
    await cora.go_on("credentials")
    assert (await cora.sign_in()).pane == "code"
    assert chart.texts(gnuhealth_mfa, "ccameron") == before + 1
    sent = gnuhealth_mfa.last_code("ccameron")
    assert "didn’t match" in (await cora.type(code=sent[::-1] if sent != sent[::-1] else "000000")).text
    assert (await cora.type(code=f"{sent[:3]} {sent[3:]}")).pane == "done"
    token = await access_token(hospital_app, cora)
    await reads_as_its_own_rpc(hospital_app, token, gnuhealth_mfa)
    assert chart.texts(gnuhealth_mfa, "ccameron") == before + 1


async def test_one_of_several_databases_is_chosen(hospital_app: Shop, meet: Meet, gnuhealth_two: GnuHealth) -> None:
    wanted = {"org_id": "ward-4", "emr_name": "GNU Health", "emr_instance_domain": gnuhealth_two.url}
    cora = doctor(meet, gnuhealth_two)
    await cora.open(await hospital_app.link_token(**wanted))
    await cora.go_on("choice")
    assert (await cora.press("south")).pane == "credentials"
    await cora.sign_in()
    await reads_as_its_own_rpc(hospital_app, await access_token(hospital_app, cora), gnuhealth_two, "south")
