from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest

from cobalt_link.developers import api
from cobalt_link.developers.auth import Callers
from cobalt_link.developers.orgs import Org, Orgs
from cobalt_link.kit.clock import MovedClock
from cobalt_link.web import Auth, Call, mount
from cobalt_link.web.credentials import CallerCredentials
from tests.developers.conftest import App

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def ask(callers: Callers, orgs: Orgs, clock: MovedClock) -> AsyncIterator[Ask]:
    """`await ask(who, method, path, **what)`, through the whole route table."""

    async def authenticate(credentials: CallerCredentials, auth: Auth, call: Call) -> None:
        call.caller = await callers.authenticate(credentials)

    app = mount([(api.routes, orgs)], authenticate=authenticate, clock=clock)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", verify=False) as http:

        async def ask(who: App | None, method: str, path: str, **what: Any) -> tuple[int, Any]:
            headers = {"client_id": who[0].client_id, "client_secret": who[1]} if who else {}
            answer = await http.request(method, path, headers=headers, **what)
            return answer.status_code, answer.json()

        yield ask


@pytest.fixture
async def clinic(orgs: Orgs, acme: App) -> Org:
    return await orgs.ensure(acme[0], "clinic-1", "GNU Health", "his.example.org")


async def test_an_org_is_shown_with_every_key(ask: Ask, acme: App, clinic: Org) -> None:
    status, body = await ask(acme, "GET", "/v1/orgs/clinic-1")
    assert (status, body["success"]) == (200, True)
    assert body["org"] | {"created_at": ""} == {
        "id": clinic.id,
        "org_id": "clinic-1",
        "emr_name": "GNU Health",
        "emr_instance_domain": "https://his.example.org",
        "time_zone": None,
        "visit_types": [],
        "allowed_ehr_domains": [],
        "branding_name": None,
        "place": None,
        "listed": False,
        "created_at": "",
    }


async def test_settings_are_changed_and_taken_back(ask: Ask, acme: App, clinic: Org) -> None:
    sent = {
        "timezone": "america/PHOENIX",
        "visit_types": [{"code": "np", "description": "New patient"}],
        "allowed_ehr_domains": ["*.Example.org"],
        "listed": "true",
    }
    status, body = await ask(acme, "PATCH", "/v1/orgs/clinic-1", json=sent)
    assert (status, body["org"]["time_zone"], body["org"]["listed"]) == (200, "America/Phoenix", True)
    assert body["org"]["allowed_ehr_domains"] == ["*.example.org"]
    _, body = await ask(acme, "PATCH", "/v1/orgs/clinic-1", json={"visit_types": None, "time_zone": None})
    assert (body["org"]["visit_types"], body["org"]["time_zone"], body["org"]["listed"]) == ([], None, True)
    _, shown = await ask(acme, "GET", "/v1/orgs/clinic-1")
    assert shown == body


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        ({"time_zone": "Mars"}, "time_zone"),
        ({"visit_types": [{"code": "np"}]}, "visit_types"),
        ({"allowed_ehr_domains": ["*"]}, "allowed_ehr_domains"),
        ({"emr_instance_domain": "ftp://x"}, "emr_instance_domain"),
        ({"emr_name": "Wonder EHR"}, "emr_name"),
    ],
)
async def test_a_wrong_setting_is_a_400_that_names_it(
    ask: Ask, acme: App, clinic: Org, sent: dict[str, Any], word: str
) -> None:
    status, body = await ask(acme, "PATCH", "/v1/orgs/clinic-1", json=sent)
    assert (status, body["success"]) == (400, False)
    assert word in body["message"]


# S-004
@pytest.mark.parametrize(("method", "what"), [("GET", {}), ("PATCH", {"json": {"place": "Tucson"}})])
async def test_a_rival_sees_another_clients_org_as_an_unknown_one(
    ask: Ask, rival: App, clinic: Org, method: str, what: dict[str, Any]
) -> None:
    theirs = await ask(rival, method, "/v1/orgs/clinic-1", **what)
    unknown = await ask(rival, method, "/v1/orgs/clinic-0", **what)
    assert theirs[0] == unknown[0] == 404
    assert theirs[1] | {"request_id": ""} == unknown[1] | {"request_id": ""}


async def test_orgs_are_listed_page_by_page(ask: Ask, acme: App, rival: App, orgs: Orgs) -> None:
    for name in ("b", "a", "c"):
        await orgs.ensure(acme[0], name)
    status, body = await ask(acme, "GET", "/v1/orgs?page_size=2")
    assert (status, [org["org_id"] for org in body["orgs"]]) == (200, ["a", "b"])
    after = body["pagination"]["next"]
    assert body["pagination"] == {"page_size": 2, "next": after} and after
    _, second = await ask(acme, "GET", "/v1/orgs", params={"after": after, "page_size": 2})
    assert [org["org_id"] for org in second["orgs"]] == ["c"]
    _, theirs = await ask(rival, "GET", "/v1/orgs", params={"after": after})
    assert (theirs["orgs"], theirs["pagination"]["next"]) == ([], None)


@pytest.mark.parametrize("query", ["page=0", "page=2", "page_size=0", "page_size=501", "page=x", "after=x"])
async def test_a_page_that_cannot_be_is_a_400(ask: Ask, acme: App, query: str) -> None:
    assert (await ask(acme, "GET", f"/v1/orgs?{query}"))[0] == 400


async def test_without_credentials_nothing_is_shown(ask: Ask, clinic: Org) -> None:
    assert (await ask(None, "GET", "/v1/orgs"))[0] == 401
