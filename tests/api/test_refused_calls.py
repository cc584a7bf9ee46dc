"""A refused call leaves nothing behind: every kind of refusal, twice, with a look at all tables before and after."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import pytest

from cobalt_link import app
from cobalt_link.kit import tokens
from cobalt_link.web import Auth, Route
from tests.api.tables import differences, everything
from tests.api.test_matrix import UNKNOWN_TOKEN, WITH_CREDENTIALS
from tests.support.proof import REFUSED_CALLS

# What a read leaves that the EHR has refused: the row of the audit trail is written before the EHR is asked (S-130).
OF_READS = {"audit", "accounts", "ehr_instances", "data_keys", "record_ids", "login_tries"}

LONG = "x" * 3000
HOSTILE: list[Any] = [
    "", " ", "x", LONG, "a\0b", "\ud800", "two\nlines", "..", "a/b", "ünï", "' OR 1=1 --", None, -1, 0, 1.5, 10**30,
    True, [], ["x"], {}, {"a": [1]},
]  # fmt: skip
FIELDS: dict[str, list[Any]] = {
    "user_id": ["user-1"],
    "org_id": ["riverside", "new"],
    "emr_name": ["Sandbox EHR", "GNU Health", "Wonder EHR"],
    "emr_instance_domain": ["ehr.example.org", "ftp://ehr", "http://169.254.169.254", "https://[1:2]"],
    "callback_url": ["https://app.example/linked", "https://evil.example"],
    "expires_in": [300, 299, 604801],
    "locale": ["es", "not a locale!!", "x"],
    "access_token": [UNKNOWN_TOKEN],
    "public_token": [tokens.mint(tokens.PUBLIC, tokens.TEST), "pt_test_x"],
    "link_token": [tokens.mint(tokens.LINK, tokens.TEST), "lt_test_x"],
    "overlap_seconds": [86401, -1, "soon"],
    "time_zone": ["America/Phoenix", "Mars/Olympus"],
    "visit_types": [[{"code": "a", "description": "b"}] * 2, [{"code": ""}]],
    "allowed_ehr_domains": [["*"], ["other.example"], ["https://x"]],
    "listed": [True, "perhaps"],
    "start_date": ["2026-06-01", "2026-02-30", "tomorrow"],
    "end_date": ["2026-06-02", "2026-05-01"],
    "page": [0, "x"],
    "page_size": [0, 501],
    "access_token_reference_id": ["label"],
}  # fmt: skip
# A call that is accepted would end the account or its token, and with it the other calls.
NEVER_REAL = {"/v1/accounts/{account_id}", "/v1/accounts/{account_id}/rotate-token"}


CREATE, ORG = ("POST", "/link/token/create"), ("PATCH", "/v1/orgs/{org_id}")
RIGHT = {"user_id": "user-1", "org_id": "new", "emr_name": "Sandbox EHR"}
KNOWN_ORG = RIGHT | {"org_id": "riverside", "emr_instance_domain": "ehr.example.org"}
# One call for each refusal that is expected by name: method, path, the path as it is sent, and the body. The second one
# is accepted, and the others contradict it.
NAMED: list[tuple[str, str, str, dict[str, Any]]] = [
    *((*CREATE, CREATE[1], sent) for sent in (
        RIGHT | {"emr_name": "GNU Health"},
        KNOWN_ORG,
        KNOWN_ORG | {"emr_instance_domain": "other.example.org"},
        {"org_id": "new"},
        RIGHT | {"emr_name": "Wonder EHR"},
        RIGHT | {"callback_url": "https://evil.example"},
        RIGHT | {"access_token": UNKNOWN_TOKEN},
        RIGHT | {"locale": "not a locale!!"},
        RIGHT | {"emr_instance_domain": "http://169.254.169.254"},
        RIGHT | {"org_id": ".."},
    )),
    *((*ORG, "/v1/orgs/riverside", sent) for sent in (
        {"emr_name": "GNU Health", "place": "Tucson"},
        {"emr_name": "Wonder EHR", "place": "Tucson"},
        {"allowed_ehr_domains": ["other.example"], "place": "Tucson"},
        {"time_zone": "Mars/Olympus", "place": "Tucson"},
    )),
    (*ORG, "/v1/orgs/a%2Fb", {"place": "Tucson"}),
    ("DELETE", "/v1/accounts/{account_id}", f"/v1/accounts/{'0' * 32}", {}),
    ("POST", "/link/token/exchange", "/link/token/exchange", {"public_token": tokens.mint(tokens.PUBLIC, tokens.TEST)}),
    ("POST", "/link/token/exchange", "/link/token/exchange", {"public_token": [1]}),
]  # fmt: skip


class Caller:
    """Sends the calls, and remembers which refusals came up."""

    def __init__(self, house: app.House, http: httpx2.AsyncClient, headers: dict[str, str]) -> None:
        self.house, self.http, self.headers = house, http, headers
        self.seen: dict[str, set[str]] = defaultdict(set)

    async def send(self, row: Route, path: str, sent: dict[str, Any], headers: dict[str, Any]) -> httpx2.Response:
        body = json.dumps(sent, ensure_ascii=False).encode("utf-8", "surrogatepass")
        content = {"Content-Type": "application/json"}
        return await self.http.request(row.method, path, headers=self.headers | content | headers, content=body)

    async def twice(self, row: Route, path: str, sent: dict[str, Any], headers: dict[str, Any]) -> bool:
        """Whether it was refused. Then it left nothing, and a second time it is refused for the same reason."""
        db = self.house.db
        before = await everything(db)
        first = await self.send(row, path, sent, headers)
        assert first.status_code < 500 or first.json()["error"].startswith("ehr_"), (path, sent, first.text)
        if first.status_code < 400:
            return False
        after = await everything(db)
        second = await self.send(row, path, sent, headers)
        for left in (differences(before, after), differences(after, await everything(db))):
            tables = {re.sub(r"_(\d{8}_\d{8}|\d{1,3}|rest)$", "", name) for name in left}  # a partition is its table
            assert tables <= (OF_READS if row.auth is Auth.ACCOUNT else set()), (str(row), path, sent, left)
        assert _told(first) == _told(second), (str(row), path, sent)
        self.seen[str(row)].add(first.json()["error"])
        return True


@pytest.fixture
async def caller(house: app.House, full_app_url: str, full_app_credentials: dict[str, str]) -> Any:
    async with httpx2.AsyncClient(base_url=full_app_url, timeout=30.0) as http:
        yield Caller(house, http, full_app_credentials)


async def test_whatever_is_refused_leaves_every_table_as_it_was(caller: Caller) -> None:
    chance, refused = Random(7), 0
    rows = {(row.method, path): row for row, path in WITH_CREDENTIALS}
    calls = [(rows[method, path], filled, sent, {}) for method, path, filled, sent in NAMED]
    calls += [call for _ in range(REFUSED_CALLS.times) for call in _calls(chance)]
    for row, path, sent, headers in calls:
        refused += await caller.twice(row, path, sent, headers)
    assert refused > len(calls) // 2
    assert caller.seen["POST /link/token/create"] >= {
        "invalid_request", "missing_field", "org_mismatch", "unknown_emr", "emr_not_offered", "callback_not_registered",
        "invalid_access_token",
    }  # fmt: skip
    assert caller.seen["PATCH /v1/orgs/{org_id}"] >= {
        "org_not_found", "unknown_emr", "emr_not_offered", "invalid_request",
    }  # fmt: skip
    assert {"invalid_public_token", "invalid_request"} <= caller.seen["POST /link/token/exchange"]
    assert {"account_not_found"} <= caller.seen["DELETE /v1/accounts/{account_id}"]


async def test_a_refused_ehr_leaves_no_org_and_the_right_one_is_accepted_afterwards(caller: Caller) -> None:
    wrong = [
        {"emr_name": "GNU Health"},
        {"emr_name": "Wonder EHR"},
        {"emr_name": "Sandbox EHR", "emr_instance_domain": "http://169.254.169.254"},
        {"emr_name": "Sandbox EHR", "callback_url": "https://evil.example"},
        {"emr_name": "Sandbox EHR", "locale": "not a locale!!"},
        {"emr_name": "Sandbox EHR", "expires_in": 1},
    ]
    (create,) = [row for row, path in WITH_CREDENTIALS if path == "/link/token/create"]
    for number, each in enumerate(wrong):
        body = {"user_id": "user-1", "org_id": f"clinic-{number}"}
        assert await caller.twice(create, create.path, body | each, {}), each
        shown = await caller.http.get(f"/v1/orgs/clinic-{number}", headers=caller.headers)
        assert (shown.status_code, shown.json()["error"]) == (404, "org_not_found")
        right = await caller.send(create, create.path, body | {"emr_name": "Sandbox EHR"}, {})
        assert right.status_code == 200, right.text


async def test_a_reused_idempotency_key_uses_up_no_token_and_changes_no_answer(caller: Caller) -> None:
    (exchange,) = [row for row, path in WITH_CREDENTIALS if (row.method, path) == ("GET", "/link/token/exchange")]
    for key in ("", "two words", "x" * 256, "ü"):
        sent = {"public_token": tokens.mint(tokens.PUBLIC, tokens.TEST)}
        headers = {"Idempotency-Key": key.encode()}
        assert await caller.twice(exchange, exchange.path, sent, headers), key
    assert caller.seen[str(exchange)] == {"invalid_request"}


def _calls(chance: Random) -> Iterator[tuple[Route, str, dict[str, Any], dict[str, str]]]:
    """One call of each route that takes credentials, with at least one thing that is probably wrong."""
    for row, template in WITH_CREDENTIALS:
        names = [field.encode_name for field in msgspec.structs.fields(row.body)] if row.body else []
        sent = {name: _value(chance, name) for name in names if chance.random() < 0.6}
        if row.path == "/link/token/create" and chance.random() < 0.7:
            sent |= _nearly_right(chance)
        headers = {}
        if chance.random() < 0.1:
            headers = {chance.choice(["client_secret", "client_id"]): chance.choice(["", "x", UNKNOWN_TOKEN])}
        yield row, _path(chance, row, template), sent, headers


def _nearly_right(chance: Random) -> dict[str, Any]:
    """The fields of a link token, of which one is wrong or missing."""
    right = {"user_id": "user-1", "org_id": "riverside", "emr_name": "Sandbox EHR", "locale": "es", "expires_in": 300}
    kept = {name: value for name, value in right.items() if chance.random() < 0.9}
    name = chance.choice([*right, "emr_instance_domain", "callback_url", "access_token"])
    # An unknown org with an EHR that is refused: the kind of call that left its org behind.
    more = {"org_id": f"new-{chance.random()}"} if chance.random() < 0.3 else {}
    return dict.fromkeys(("access_token", "callback_url")) | kept | more | {name: _value(chance, name)}


def _value(chance: Random, name: str) -> Any:
    return chance.choice([*FIELDS.get(name, []) * 4, *HOSTILE])


def _path(chance: Random, row: Route, template: str) -> str:
    known = ["riverside", "0" * 32, "a/b", "..x", "%", "ünï", "' OR 1=1", "\u202e", LONG[:300]]
    path = template
    for name in ("org_id", "account_id", "appointment_id"):
        pool = known[1:] if row.path in NEVER_REAL else known
        path = path.replace(f"{{{name}}}", quote(chance.choice(pool), safe=""))
    return path


def _told(answer: httpx2.Response) -> tuple[int, dict[str, Any]]:
    body = answer.json()
    # A time to wait counts down.
    return answer.status_code, {name: body.get(name) for name in ("success", "error")}
