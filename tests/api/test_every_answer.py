"""What holds for every answer of every route: the headers of browsers' defenses, and no credential that was given."""

from __future__ import annotations

from typing import Any

import httpx2
import msgspec
import pytest

from cobalt_link import app
from cobalt_link.settings import Settings
from cobalt_link.web import Auth
from tests.api.test_matrix import NOBODY, ROWS, filled

YEAR = 365 * 24 * 3600
# Properties that hold a credential. Names, labels, and times of credentials are none.
SECRET = ("secret", "token", "password", "credential", "key")
NO_SECRET = {
    "access_token_reference_ids", "access_token_reference_id", "idempotency_key", "keys", "public_key",
    "previous_secret_expires_at",
}  # fmt: skip
# What makes a credential answers with it, once. The contract's GET /webhook is the one exception (§6.1).
# A link session's public token is for an app that has no callback.
MAKES_ONE = {
    "/link/token/create", "/link/token/exchange", "/link/token/get", "/v1/link/token/create", "/v1/link/token/exchange",
    "/v1/link/token/get", "/v1/accounts/{account_id}/rotate-token", "/v1/sandbox/accounts", "/v1/webhook",
    "/v1/webhook/rotate-secret", "/v1/webhook/{webhook_id}/rotate-secret",
}  # fmt: skip


@pytest.fixture
async def over_https(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, public_url="https://link.example.org")


async def test_every_route_answers_everybody_with_the_headers_that_protect_browsers(over_https: Settings) -> None:
    # S-114, S-119, S-148
    address = f"http://127.0.0.1:{over_https.port}"
    http = httpx2.AsyncClient(base_url=address, trust_env=False)
    async with app.opened(over_https) as house, app.serving(house), http:
        faults: dict[str, list[str]] = {}
        for row, path in ROWS:
            for method in dict.fromkeys((row.method, "GET", "HEAD", "OPTIONS", "TRACE", "POST")):
                answer = await http.request(method, filled(path), headers={"x-canary": "echo-me"})
                if found := missing(answer, is_init=path.endswith("init.js")):
                    faults[f"{method} {path}, {answer.status_code}"] = found
                if method == "TRACE" and (answer.status_code != 405 or "echo-me" in answer.text):
                    faults[f"TRACE {path}"] = [str(answer.status_code)]
    assert faults == {}


def missing(answer: httpx2.Response, *, is_init: bool) -> list[str]:
    """The headers that an answer lacks or has wrong. `is_init`: the script that other origins load on purpose."""
    headers = answer.headers
    age, _, subdomains = headers.get("strict-transport-security", "").removeprefix("max-age=").partition("; ")
    found = {
        "strict-transport-security": age.isdigit() and int(age) >= YEAR and subdomains == "includeSubDomains",
        "x-content-type-options": headers.get("x-content-type-options") == "nosniff",
        "referrer-policy": headers.get("referrer-policy") in ("no-referrer", "same-origin"),
        "cross-origin-opener-policy": headers.get("cross-origin-opener-policy", "").startswith("same-origin"),
        "cross-origin-resource-policy": headers.get("cross-origin-resource-policy")
        == ("cross-origin" if is_init and answer.is_success else "same-origin"),
        "content-security-policy": is_strict(headers.get("content-security-policy", "")),
        "server": not any(name in headers for name in ("server", "x-powered-by")),
    }
    return [name for name, is_right in found.items() if not is_right]


def is_strict(policy: str) -> bool:
    """Nothing but what is named, and no scripts or styles within the page unless by nonce or hash."""
    rules = {name: set(sources) for name, *sources in (rule.split() for rule in policy.split(";") if rule.strip())}
    scripts = rules.get("script-src", rules.get("default-src", {"*"}))
    closed = {"'none'"}
    return (
        rules.get("default-src") == closed
        and rules.get("object-src", rules["default-src"]) == closed
        and rules.get("base-uri") == closed
        and not any(source.startswith(("'unsafe", "*", "data:", "http:")) for source in scripts)
    )


def test_a_policy_with_a_hole_is_found() -> None:
    assert is_strict("default-src 'none'; base-uri 'none'; script-src 'self' 'nonce-x'")
    for hole in ("default-src 'self'; base-uri 'none'", "default-src 'none'", "base-uri 'none'", "",
                 "default-src 'none'; base-uri 'none'; script-src 'self' 'unsafe-inline'",
                 "default-src 'none'; base-uri 'none'; object-src 'self'"):  # fmt: skip
        assert not is_strict(hole), hole


async def test_a_credential_is_an_answer_only_where_it_is_made(
    full_app_url: str, full_app_credentials: dict[str, str]
) -> None:
    # S-129
    async with httpx2.AsyncClient(base_url=full_app_url, headers=full_app_credentials, trust_env=False) as http:
        document = (await http.get("/openapi.json")).json()
        shown = {
            f"{method} {path}": names
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if path not in MAKES_ONE
            if (names := sorted(credentials_in(document, answers_of(operation))))
        }
        assert shown == {}
        for path in MAKES_ONE & document["paths"].keys():  # so that the look into the document does find credentials
            assert any(credentials_in(document, answers_of(each)) for each in document["paths"][path].values()), path
        made = (
            await http.post("/link/token/create", json={"user_id": "u", "org_id": "o", "emr_name": "sandbox"})
        ).json()
        secrets = [*full_app_credentials.values(), made["token"]]
        secrets.remove(full_app_credentials["client_id"])
        account = (await http.get("/v1/accounts")).json()["accounts"][0]["id"]
        ids = {"account_id": account, "org_id": "riverside", "link_token": made["token"]}
        for row, path in ROWS:
            if row.method == "GET" and row.auth in (Auth.CLIENT, Auth.ACCOUNT):
                for name in (*ids, ""):
                    path = path.replace("{" + name + "}", ids.get(name, NOBODY))
                text = (await http.get(filled(path))).text
                # Not masked either: a start or an end of eight characters helps who guesses.
                assert not [each for each in secrets if each[8:16] in text or each[-8:] in text], path


def answers_of(operation: dict[str, Any]) -> list[Any]:
    return [answer for code, answer in operation["responses"].items() if code.startswith("2")]


def credentials_in(document: dict[str, Any], node: Any, seen: frozenset[str] = frozenset()) -> set[str]:
    """The names of all properties of a schema, wherever they are, that sound like a credential."""
    if isinstance(node, list):
        return {name for each in node for name in credentials_in(document, each, seen)}
    if not isinstance(node, dict):
        return set()
    if (ref := node.get("$ref")) and ref not in seen:
        target: Any = document
        for part in ref.removeprefix("#/").split("/"):
            target = target[part]
        return credentials_in(document, target, seen | {ref})
    names = {
        name for name in node.get("properties", {}) if name not in NO_SECRET and any(part in name for part in SECRET)
    }
    return names | {name for each in node.values() for name in credentials_in(document, each, seen)}
