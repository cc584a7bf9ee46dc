"""Generated from the route table: who may not call a route, and which forms are refused. S-004, S-118, S-126"""

import re
from typing import Any

import httpx2
import pytest

from cobalt_link import app
from cobalt_link.developers.clients import Clients
from cobalt_link.vault.master_key import open_vault
from cobalt_link.web import Auth, Route, Tenant

ROWS = [(row, path) for routes in app.TABLE for row in routes for path in row.paths]
WITH_CREDENTIALS = [(row, path) for row, path in ROWS if row.auth in (Auth.CLIENT, Auth.ACCOUNT)]
FORMS = [(row, path) for row, path in ROWS if row.auth is Auth.PAGE and row.method != "GET"]
NOBODY = "0" * 32
UNKNOWN_TOKEN = "at_test_" + "0" * 49


def named(rows: list[tuple[Route, str]]) -> dict[str, Any]:
    return {"argvalues": rows, "ids": [f"{row.method} {path}" for row, path in rows]}


def filled(path: str, value: str = NOBODY) -> str:
    return re.sub(r"{[^}]*}", value, path)


def bare(answer: httpx2.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Everything that an answer tells, but for the ids and the date that differ in every answer."""
    body = {key: value for key, value in answer.json().items() if key != "request_id"}
    headers = {key: value for key, value in answer.headers.items() if key not in ("x-request-id", "date")}
    return answer.status_code, body, headers


@pytest.fixture
async def http(full_app_url: str) -> Any:
    async with httpx2.AsyncClient(base_url=full_app_url) as http:
        yield http


@pytest.fixture
async def stranger(house: app.House) -> dict[str, str]:
    """Another client, with valid credentials of its own."""
    client, secret = await Clients(house.db, open_vault(house.settings), house.deps.clock).create("Rival", test=True)
    return {"client_id": client.client_id, "client_secret": secret}


def test_every_route_that_changes_something_for_a_browser_refuses_foreign_forms() -> None:
    assert FORMS
    assert not [f"{row.method} {path}" for row, path in FORMS if not row.csrf]


def test_every_route_is_bound_to_somebody_or_open_on_purpose() -> None:
    unbound = {f"{row.method} {row.path}" for row, _ in ROWS if row.tenant is Tenant.NONE}
    open_on_purpose = {
        "GET /openapi.json",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /client-address",
        "GET /",
        "GET /static/{name}",
        "GET /connections",
        "GET /init.js",
        "GET /v{version}/init.js",
        "GET /link/states.json",
        "GET /.well-known/receipts-jwks.json",
        "GET /.well-known/webhooks-jwks.json",
        "GET /oauth/callback/{registration}",  # by its state, and the cookie of the browser that went there
        "GET /launch",  # an EHR opens it; what it names must be set up by the operator
        "POST /v1/leaked-tokens",
        "GET /registrations/{registration}/jwks.json",
    }
    assert unbound == open_on_purpose


async def test_without_right_credentials_no_route_tells_more_than_that(
    http: httpx2.AsyncClient, full_app_credentials: dict[str, str], stranger: dict[str, str]
) -> None:
    good = full_app_credentials
    wrong = {
        "none": {},
        "unknown client": {**good, "client_id": "ci_test_" + "0" * 49},
        "another client's secret": {**good, "client_secret": stranger["client_secret"]},
        "secret as id": {**good, "client_id": good["client_secret"]},
        "nonsense": {"client_id": "x", "client_secret": "y", "access_token": "z"},
        "live id": {**good, "client_id": good["client_id"].replace("_test_", "_live_")},
    }
    for row, path in WITH_CREDENTIALS:
        for kind, headers in wrong.items():
            answer = await http.request(row.method, filled(path), headers=headers)
            assert answer.status_code == 401, (str(row), kind)
            assert answer.json()["error"] == "unauthorized", (str(row), kind)


async def test_another_clients_access_token_answers_exactly_as_an_unknown_one(
    http: httpx2.AsyncClient, full_app_credentials: dict[str, str], stranger: dict[str, str]
) -> None:
    # S-004, issue 2 item 9
    for row, path in [each for each in WITH_CREDENTIALS if each[0].auth is Auth.ACCOUNT]:
        foreign = {**stranger, "access_token": full_app_credentials["access_token"]}
        unknown = {**stranger, "access_token": UNKNOWN_TOKEN}
        answers = [await http.request(row.method, filled(path), headers=each) for each in (foreign, unknown)]
        assert answers[0].status_code == 401, str(row)
        assert bare(answers[0]) == bare(answers[1]), str(row)


async def test_another_clients_things_answer_exactly_as_unknown_ones(
    http: httpx2.AsyncClient, full_app_credentials: dict[str, str], stranger: dict[str, str]
) -> None:
    # S-126: ids that exist for one client, asked for by another.
    answer = await http.get("/v1/accounts", headers=full_app_credentials)
    (account,) = answer.json()["accounts"]
    ids = {"account_id": account["id"], "org_id": "riverside"}
    for row, path in [each for each in WITH_CREDENTIALS if each[0].auth is Auth.CLIENT and "{" in each[1]]:
        known = re.sub(r"{(\w+)}", lambda found: ids.get(found[1], NOBODY), path)
        answers = [await http.request(row.method, each, headers=stranger, json={}) for each in (known, filled(path))]
        assert 400 <= answers[0].status_code < 500, str(row)
        assert bare(answers[0]) == bare(answers[1]), str(row)
    still = await http.get("/v1/accounts", headers=full_app_credentials)
    assert [each["id"] for each in still.json()["accounts"]] == [account["id"]]


@pytest.mark.parametrize(("row", "path"), **named(FORMS))
async def test_a_form_from_elsewhere_is_refused(http: httpx2.AsyncClient, row: Route, path: str) -> None:
    # S-118
    foreign: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ]
    for headers in foreign:
        answer = await http.request(row.method, filled(path), headers=headers, data={"x": "y"})
        assert answer.status_code == 403, (headers, answer.text)
