"""What a caller meets at each route: credentials, rate, body, answer, and refusals that tell nothing of our inside."""

import base64
import json
import logging
from typing import Any

import httpx2
import pytest
import structlog
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route as StarletteRoute

from cobalt_link.web import Call
from cobalt_link.web.problems import Problem, Unavailable
from cobalt_link.web.rates import RateLimits
from tests.web.sample import ACCOUNT_HEADERS, HEADERS, StoreIsDown, client

NEW = {"user_id": "u", "org_id": "o"}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


# Contract §2 and §9 rows 4 and 5.
@pytest.mark.parametrize(
    "headers",
    [
        {"client_id": "ci_test_one", "client_secret": "cs_test_one"},
        {"client-id": "ci_test_one", "client-secret": "cs_test_one"},
        {"Client_Id": '"ci_test_one"', "CLIENT-SECRET": '"cs_test_one"'},
        basic("ci_test_one", "cs_test_one"),
    ],
)
async def test_the_clients_credentials_are_taken_in_every_spelling(headers: dict[str, str]) -> None:
    async with client() as http:
        answer = await http.post("/things", headers=headers, json=NEW)
        assert answer.status_code == 201
        with_bearer = [*headers.items(), ("Authorization", "Bearer at_test_one")]
        assert (await http.get("/me", headers=with_bearer)).json()["account"] == "at_test_one"
        assert (await http.get("/me", headers={**headers, "access_token": "at_test_one"})).status_code == 200


async def test_credentials_in_the_body_or_the_query_count_where_headers_are_absent() -> None:
    async with client() as http:
        assert (await http.post("/v1/things", json={**NEW, **HEADERS})).status_code == 201
        assert (await http.get("/me", params=ACCOUNT_HEADERS)).status_code == 200
        wrong = {"client_id": "ci_test_one", "client_secret": "wrong"}
        assert (await http.post("/v1/things", headers=wrong, json={**NEW, **HEADERS})).status_code == 401


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Missing client_id and client_secret and access_token."),
        ({"client_id": "ci_test_one"}, "Missing client_secret and access_token."),
        (HEADERS, "Missing access_token."),
        ({**HEADERS, "Authorization": "Digest x"}, "Missing access_token."),
    ],
)
async def test_absent_credentials_are_a_401_that_names_them(headers: dict[str, str], message: str) -> None:
    async with client() as http:
        answer = await http.get("/me", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized"
    assert answer.json()["message"].startswith(message)
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_wrong_credentials_are_refused_before_the_body_is_judged() -> None:
    async with client() as http:
        answer = await http.post("/things", headers={**HEADERS, "client_secret": "wrong"}, content=b"{broken")
    assert answer.status_code == 401


async def test_a_refusal_has_a_stable_code_a_message_and_the_request_id() -> None:
    async with client() as http:
        answer = await http.post("/things", headers=HEADERS, json={"user_id": "u"})
    assert answer.status_code == 400
    assert answer.json() == {
        "success": False,
        "error": "missing_field",
        "message": "Missing required field: org_id",
        "request_id": answer.headers["x-request-id"],
    }


async def test_a_route_answers_under_all_its_paths_with_or_without_a_slash_at_the_end() -> None:
    async with client() as http:
        for path in ("/things", "/things/", "/v1/things", "/v1/things/"):
            answer = await http.post(path, headers=HEADERS, json=NEW)
            assert (answer.status_code, answer.headers["location"]) == (201, "/things/1"), path


async def test_head_answers_as_get_without_a_body() -> None:
    async with client() as http:
        get, head = await http.get("/things/7"), await http.head("/things/7")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/files", "POST"),
        ("DELETE", "/things", "GET, HEAD, POST"),
        ("POST", "/things/7", "GET, HEAD"),
        ("OPTIONS", "/me", "GET, HEAD"),
        ("TRACE", "/me", "GET, HEAD"),
        ("TRACE", "/nowhere", "GET, HEAD"),
        ("BREW", "/me", "GET, HEAD"),
    ],
)
async def test_other_methods_are_a_405_that_lists_what_is_allowed(method: str, path: str, allow: str) -> None:
    # S-148: TRACE is refused everywhere.
    async with client() as http:
        answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json()["error"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/", "/things/7/", "//things", "/things/7/more", "/v2/things", "/things%00"]
)
async def test_unknown_paths_are_our_404(path: str) -> None:
    async with client() as http:
        answer = await http.get(path)
    if path == "/things/7/":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "%00", "9" * 30, "٣", "1%0A", "%20"])
async def test_what_no_number_can_be_is_not_found(number: str) -> None:
    async with client() as http:
        answer = await http.get(f"/things/{number}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_text_ids_with_control_characters_are_not_found() -> None:
    async with client() as http:
        answer = await http.delete("/faults/a%00b", headers=HEADERS)
    assert answer.status_code == 404


async def test_an_exception_is_a_generic_500_and_its_text_is_not_logged() -> None:
    # S-148, S-049: neither the answer nor the log repeats what an exception says.
    async with client() as http:
        with structlog.testing.capture_logs() as logs:
            answer = await http.delete("/faults/bug", headers=HEADERS)
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal_error"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    (entry,) = [each for each in logs if each["event"] != "request"]
    assert (entry["log_level"], entry["route"]) == ("error", "/faults/{id}")
    assert "builtins.ValueError at sample.py:" in entry["error"][0]
    assert "canary" not in answer.text + json.dumps(logs)


async def test_an_exception_of_a_lower_room_becomes_the_problem_that_the_app_maps_it_to() -> None:
    async with client(problems={StoreIsDown: Unavailable}) as http:
        with structlog.testing.capture_logs() as logs:
            answer = await http.delete("/faults/down", headers=HEADERS)
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "hunter2" not in answer.text + json.dumps(logs)


async def test_nothing_but_our_own_entry_is_logged_of_an_exception(caplog: pytest.LogCaptureFixture) -> None:
    async with client() as http:
        with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs():
            await http.delete("/faults/bug", headers=HEADERS)
    assert "canary" not in caplog.text


async def test_pages_show_problems_as_the_app_wants_them_and_other_routes_as_json() -> None:
    async def shown(call: Call, problem: Problem) -> Response:
        return HTMLResponse(f"<h1>{problem.message}</h1>", problem.status)

    async with client(page_problem=shown) as http:
        page, api = await http.get("/panes/gone"), await http.get("/things/1001")
    assert (page.status_code, page.text) == (404, "<h1>This page is gone.</h1>")
    assert api.json()["message"] == "There is no thing 1001."


async def test_routes_of_another_kind_stand_beside_the_table_under_the_same_edge() -> None:
    async def script(request: object) -> Response:
        return PlainTextResponse("js", headers={"Cache-Control": "public"})

    async with client(extra=[StarletteRoute("/init.js", script)]) as http:
        found, refused = await http.get("/init.js"), await http.post("/init.js")
    assert (found.text, found.headers["cache-control"]) == ("js", "public")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert (refused.status_code, refused.json()["error"]) == (405, "method_not_allowed")


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_client_over_its_rate_is_told_how_long_to_wait_and_others_are_not_touched() -> None:
    limits = RateLimits(monotonic=Seconds())
    async with client(limits=limits) as http:
        for _ in range(600):
            assert (await http.delete("/faults/down", headers=HEADERS)).status_code == 500
        answer = await http.delete("/faults/down", headers=HEADERS)
        other = {"client_id": "ci_test_two", "client_secret": "cs_test_two"}
        assert (await http.delete("/faults/down", headers=other)).status_code == 500
        assert (await http.get("/me", headers=ACCOUNT_HEADERS)).status_code == 200
    assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1


async def test_guessing_credentials_is_slowed_down_without_locking_out_who_has_them() -> None:
    limits = RateLimits(monotonic=Seconds())
    async with client(limits=limits) as http:
        wrong = {**HEADERS, "client_secret": "wrong"}
        statuses = [(await http.post("/things", headers=wrong, json=NEW)).status_code for _ in range(70)]
        assert (set(statuses[:60]), set(statuses[60:])) == ({401}, {429})
        assert (await http.post("/things", headers=HEADERS, json=NEW)).status_code == 201


async def test_callers_without_credentials_are_counted_by_address() -> None:
    limits = RateLimits(monotonic=Seconds())
    says: dict[str, Any] = {"limits": limits, "trusted_proxies": ["192.0.2.7"]}
    async with client(**says) as http:
        for _ in range(300):
            assert (await http.get("/things/1", headers={"X-Forwarded-For": "198.51.100.1"})).status_code == 200
        assert (await http.get("/things/1", headers={"X-Forwarded-For": "198.51.100.1"})).status_code == 429
        assert (await http.get("/things/1", headers={"X-Forwarded-For": "198.51.100.2"})).status_code == 200


async def test_without_limits_everything_passes() -> None:
    async with client() as http:
        assert {(await http.get("/things/1")).status_code for _ in range(400)} == {200}


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "two words", "naïve".encode("latin-1")])
async def test_an_idempotency_key_that_cannot_be_kept_is_refused(key: Any) -> None:
    # An empty one too: its sender believes that the request is safe to repeat.
    headers = httpx2.Headers([*HEADERS.items(), ("Idempotency-Key", key)])
    async with client() as http:
        answer = await http.post("/things", headers=headers, json=NEW)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_an_idempotency_key_reaches_the_handler() -> None:
    async with client() as http:
        answer = await http.get("/me", headers={**ACCOUNT_HEADERS, "idempotency_key": '"k-1"'})
    assert answer.json()["key"] == "k-1"
