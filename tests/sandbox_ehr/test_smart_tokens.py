"""The token endpoint: how apps prove themselves, how codes and refresh tokens are used up, how tokens end."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.support.sandbox_client import SandboxClient
from tests.support.smart_app import SmartApp

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
async def app(ehr: SandboxClient) -> SmartApp:
    app = SmartApp(ehr.http)
    await app.register()
    return app


@pytest.fixture
async def key_server() -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """An address with a JWKS that the test can change."""
    jwks: dict[str, Any] = {"keys": []}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(jwks).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json", jwks


async def refused(app: SmartApp, endpoint: str, form: dict[str, str]) -> tuple[int, str]:
    response = await app.post(endpoint, form)
    return response.status_code, response.json()["error"]


async def test_a_code_works_once_for_its_app_with_its_verifier_and_address(app: SmartApp) -> None:  # S-015, S-020
    for change in ({"code_verifier": "x" * 43}, {"redirect_uri": "https://app.example/other"}, {"code": "none"}):
        code = (await app.allowed(await app.consent()))["code"]
        form = app.exchange_form(code) | change
        assert await refused(app, "token_endpoint", form) == (400, "invalid_grant"), change
    code = (await app.allowed(await app.consent()))["code"]
    other = SmartApp(app.http, client_id="other")
    await other.register()
    assert await refused(other, "token_endpoint", app.exchange_form(code)) == (400, "invalid_grant")
    first = (await app.post("token_endpoint", app.exchange_form(code))).json()
    assert (await app.get("Patient/10001", first["access_token"])).status_code == 200
    # The second use of a code ends what the first one got.
    assert await refused(app, "token_endpoint", app.exchange_form(code)) == (400, "invalid_grant")
    assert (await app.get("Patient/10001", first["access_token"])).status_code == 401
    assert (await app.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_code_is_good_for_five_minutes(app: SmartApp, ehr: SandboxClient) -> None:
    code = (await app.allowed(await app.consent()))["code"]
    await ehr.wait(301)
    assert await refused(app, "token_endpoint", app.exchange_form(code)) == (400, "invalid_grant")


async def test_a_refresh_token_is_replaced_and_its_second_use_ends_the_grant(app: SmartApp) -> None:
    first = await app.tokens()
    second = (await app.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert "id_token" not in second
    narrow = (await app.refresh(second["refresh_token"], scope="user/*.rs")).json()
    assert narrow["scope"] == "user/*.rs"
    wide = await app.refresh(narrow["refresh_token"], scope="user/*.cruds")
    assert wide.json()["error"] == "invalid_scope"
    third = await app.tokens()
    fourth = (await app.refresh(third["refresh_token"])).json()
    assert (await app.refresh(third["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await app.refresh(fourth["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await app.get("Patient/10001", fourth["access_token"])).status_code == 401


async def test_of_many_refreshes_at_once_one_wins(app: SmartApp) -> None:  # S-012
    token = (await app.tokens())["refresh_token"]
    answers = await asyncio.gather(*(app.refresh(token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 7]


async def test_access_ends_after_an_hour_and_a_refresh_token_after_ninety_days(
    app: SmartApp, ehr: SandboxClient
) -> None:
    tokens = await app.tokens()
    await ehr.wait(3600)
    old = await app.get("Patient/10001", tokens["access_token"])
    assert (old.status_code, old.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert old.json()["resourceType"] == "OperationOutcome"
    tokens = (await app.refresh(tokens["refresh_token"])).json()
    await ehr.wait(91 * 86400)
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_online_access_lasts_a_working_day_and_an_app_without_either_gets_none(
    app: SmartApp, ehr: SandboxClient
) -> None:
    assert "refresh_token" not in await app.tokens("user/*.rs")
    tokens = await app.tokens("online_access user/*.rs")
    await ehr.wait(8 * 3600)
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    await app.register(offline=False)
    assert "refresh_token" not in await app.tokens("offline_access user/*.rs")


async def test_each_app_proves_itself_in_its_own_way_and_in_no_other(app: SmartApp, ehr: SandboxClient) -> None:
    code = app.exchange_form("none")
    assert await refused(app, "token_endpoint", code) == (400, "invalid_grant")
    app.secret = "wrong"
    assert await refused(app, "token_endpoint", code) == (401, "invalid_client")
    app.secret = ""
    posted = {"client_id": "app", "client_secret": "s3cret&"}
    assert await refused(app, "token_endpoint", code | posted) == (401, "invalid_client")
    await app.register(method="client_secret_post", secret="s3cret&")
    assert await refused(app, "token_endpoint", code | posted) == (400, "invalid_grant")
    assert await refused(app, "token_endpoint", code) == (401, "invalid_client")
    await app.register(method="none")
    assert await refused(app, "token_endpoint", code) == (400, "invalid_grant")
    tokens = await app.tokens()
    assert tokens["refresh_token"]
    assert (await app.post("token_endpoint", {"grant_type": "password"})).json()["error"] == "unsupported_grant_type"
    plain = await ehr.http.post("/oauth/token", json=code)
    assert plain.json()["error"] == "invalid_request"


async def test_a_signed_assertion_proves_an_app_once(
    app: SmartApp, key_server: tuple[str, dict[str, Any]]
) -> None:  # S-025, S-026
    url, jwks = key_server
    app.secret = ""
    endpoint = (await app.discovered())["token_endpoint"]
    keys = {"RS384": RSAKey.generate_key(2048, {"kid": "r"}), "ES384": ECKey.generate_key("P-384", {"kid": "e"})}
    jwks["keys"] = [key.as_dict(private=False) for key in keys.values()]
    await app.register(method="private_key_jwt", jwks_url=url)

    def assertion(algorithm: str = "RS384", kid: str = "", **change: Any) -> str:
        now = int(time.time())
        claims = {"iss": "app", "sub": "app", "aud": endpoint, "jti": f"j{time.time_ns()}", "exp": now + 240} | change
        header = {"alg": algorithm, "kid": kid or keys[algorithm].kid, "typ": "JWT"}
        return jwt.encode(header, claims, keys[algorithm], algorithms=[algorithm])

    async def tried(text: str) -> str:
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
        return (await refused(app, "token_endpoint", app.exchange_form("none") | proof))[1]

    assert [await tried(assertion(name)) for name in keys] == ["invalid_grant"] * 2
    once = assertion()
    assert [await tried(once), await tried(once)] == ["invalid_grant", "invalid_client"]
    wrong: list[dict[str, Any]] = [
        {"aud": "https://other.example/token"},
        {"aud": [endpoint]},
        {"exp": int(time.time()) + 400},
        {"exp": int(time.time()) - 60},
        {"sub": "other"},
        {"jti": None},
        {"kid": "unknown"},
    ]
    for change in wrong:
        assert await tried(assertion(**change)) == "invalid_client", change
    # A key that the app took back works no more, and keys may also be registered as they are.
    jwks["keys"] = jwks["keys"][1:]
    assert await tried(assertion("RS384")) == "invalid_client"
    await app.register(method="private_key_jwt", jwks_url="", jwks={"keys": [keys["RS384"].as_dict(private=False)]})
    assert await tried(assertion("RS384")) == "invalid_grant"


async def test_revoking_a_refresh_token_ends_the_grant_and_an_access_token_only_itself(app: SmartApp) -> None:  # S-031
    tokens = await app.tokens()
    assert (await app.post("revocation_endpoint", {"token": tokens["access_token"]})).status_code == 200
    assert (await app.get("Patient/10001", tokens["access_token"])).status_code == 401
    tokens = (await app.refresh(tokens["refresh_token"])).json()
    assert (await app.post("revocation_endpoint", {"token": tokens["refresh_token"]})).status_code == 200
    assert (await app.get("Patient/10001", tokens["access_token"])).status_code == 401
    assert (await app.post("revocation_endpoint", {"token": "unknown"})).status_code == 200


async def test_introspection_tells_an_app_about_its_own_tokens_only(app: SmartApp, ehr: SandboxClient) -> None:
    tokens = await app.tokens()
    told = (await app.post("introspection_endpoint", {"token": tokens["access_token"]})).json()
    assert (told["active"], told["client_id"], told["scope"]) == (True, "app", tokens["scope"])
    other = SmartApp(app.http, client_id="other")
    await other.register()
    dead = [
        await other.post("introspection_endpoint", {"token": tokens["access_token"]}),
        await app.post("introspection_endpoint", {"token": "unknown"}),
    ]
    await ehr.http.delete("/api/_lab/grants", params={"username": "user_good"})
    dead.append(await app.post("introspection_endpoint", {"token": tokens["access_token"]}))
    assert {answer.content for answer in dead} == {b'{"active":false}'}


async def test_the_lab_registers_apps_and_ends_tokens(app: SmartApp, ehr: SandboxClient) -> None:
    tokens = await app.tokens()
    await app.http.delete("/api/_lab/access-tokens")
    assert (await app.get("Patient/10001", tokens["access_token"])).status_code == 401
    tokens = (await app.refresh(tokens["refresh_token"])).json()
    assert (await ehr.counts())["refreshes"] == 1
    assert (await ehr.http.delete("/api/_lab/grants", params={"client_id": "app"})).json() == {"revoked": 1}
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert [each["client_id"] for each in (await ehr.lab("apps"))["apps"]] == ["app"]
    await app.register(enabled=False)
    assert "not enabled" in (await app.authorize()).text
    assert (await ehr.http.delete("/api/_lab/apps/app")).json() == {"removed": 1}
    assert (await ehr.http.get("/api/_lab/apps/app")).status_code == 404
