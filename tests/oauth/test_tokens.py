"""The token endpoint: how a client proves itself, and answers as servers give them."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from cobalt_link.net.http import Http, HttpResponse
from cobalt_link.oauth import registration
from cobalt_link.oauth.authorization import authorization_request
from cobalt_link.oauth.discovery import configuration
from cobalt_link.oauth.errors import OAuthError
from cobalt_link.oauth.pkce import challenge
from cobalt_link.oauth.registration import AppRegistration, Proof
from cobalt_link.oauth.tokens import TokenAnswer, answer, exchanged, refreshed, revoked
from tests.net.wires import listening, plain
from tests.support.proof import NEW_IDS, OAUTH_REQUESTS

NOW = datetime(2026, 11, 29, tzinfo=UTC)
SERVER = configuration("https://ehr.example/fhir", {
    "authorization_endpoint": "https://login.example/authorize?tenant=1", "token_endpoint": "https://login.example/token",
})  # fmt: skip


class App(AppRegistration):
    def __init__(self, proof: Proof) -> None:
        self.id, self.client_id, self.redirect_uri = (
            "northlake",
            "client 1",
            "https://link.example/oauth/callback/northlake",
        )
        self.proof = proof
        self.proved: list[str] = []

    async def prove(self, endpoint: str) -> Proof:
        self.proved.append(endpoint)
        return self.proof


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(allow_private=True)
    yield client
    await client.close()


def said(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(body).encode())


def test_the_authorization_request_has_s256_and_an_exact_audience() -> None:
    app = App(Proof())
    made = [authorization_request(SERVER, app, scopes=["openid", "fhirUser"], audience="https://ehr.example/fhir/")
            for _ in range(OAUTH_REQUESTS.times)]  # fmt: skip
    query = {name: values[0] for name, values in parse_qs(made[0].url.partition("?")[2]).items()}
    assert query == {
        "tenant": "1",
        "response_type": "code",
        "client_id": "client 1",
        "redirect_uri": app.redirect_uri,
        "scope": "openid fhirUser",
        "aud": "https://ehr.example/fhir/",
        "code_challenge": challenge(made[0].verifier),
        "code_challenge_method": "S256",
        "nonce": made[0].nonce,
    }
    assert len({each.verifier for each in made} | {each.nonce for each in made}) == 2 * len(made)  # S-020
    launched = authorization_request(SERVER, app, scopes=["launch"], audience="a", launch="l&1").url
    assert "launch=l%261" in launched and "nonce" not in launched


# RFC 7636, appendix B
def test_the_challenge_is_that_of_the_rfc() -> None:
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_each_kind_of_client_proves_itself_in_its_own_way(http: Http) -> None:
    claims = registration.assertion_claims("client 1", "https://login.example/token", NOW)
    kinds = {
        "public": (registration.public_proof("client 1"), {"client_id": ["client 1"]}),
        "basic": (registration.basic_proof("client 1", "s:e c"), {}),
        "post": (registration.post_proof("client 1", "s"), {"client_id": ["client 1"], "client_secret": ["s"]}),
        "key": (registration.assertion_proof("a.b.c"), {
            "client_assertion_type": [registration.ASSERTION_TYPE], "client_assertion": ["a.b.c"]}),
    }  # fmt: skip
    for what, (proof, added) in kinds.items():
        app = App(proof)
        async with listening(plain(b'{"access_token": "t", "token_type": "bearer"}')) as server:
            await exchanged(http, f"{server.url}/token", app, code="c", verifier="v")
            await refreshed(http, f"{server.url}/token", app, refresh_token="r")
            await revoked(http, f"{server.url}/revoke", app, token="r", hint="refresh_token")
        heads, forms = zip(*(each.split(b"\r\n\r\n") for each in server.heard), strict=True)
        sent = [parse_qs(form.decode()) for form in forms]
        assert sent == [
            {"grant_type": ["authorization_code"], "code": ["c"], "redirect_uri": [app.redirect_uri],
             "code_verifier": ["v"], **added},
            {"grant_type": ["refresh_token"], "refresh_token": ["r"], **added},
            {"token": ["r"], "token_type_hint": ["refresh_token"], **added},
        ], what  # fmt: skip
        kind = b"content-type: application/x-www-form-urlencoded"
        assert all(head.startswith(b"POST ") and kind in head.split(b"\r\n") for head in heads), heads
        basic = [
            line.split()[2] for head in heads for line in head.split(b"\r\n") if line.startswith(b"authorization:")
        ]
        assert [b64decode(each) for each in basic] == [b"client%201:s%3Ae%20c"] * (3 if what == "basic" else 0)
        assert app.proved == [f"{server.url}/token"] * 2 + [f"{server.url}/revoke"]
    # S-026, and S-025: the audience is one text
    assert claims["aud"] == "https://login.example/token" and claims["iss"] == claims["sub"] == "client 1"
    assert 0 < claims["exp"] - claims["iat"] <= 300
    ids = {registration.assertion_claims("c", "e", NOW)["jti"] for _ in range(NEW_IDS.times)}
    assert len(ids) == NEW_IDS.times


def test_answers_are_read_as_servers_give_them() -> None:
    whole = {"access_token": "opaque", "token_type": "BEARER", "expires_in": "570", "scope": ["openid", 3, "fhirUser"],
             "refresh_token": "", "patient": None, "fhirUser": "Practitioner/1"}  # fmt: skip
    assert answer(said(whole)) == TokenAnswer(
        access_token="opaque", expires_in=570, scope="openid fhirUser", fhir_user="Practitioner/1"
    )
    for odd in (None, "soon", -1, 0, "Infinity", "1e400", True, [], 10**12):
        assert answer(said({"access_token": "t", "expires_in": odd})).expires_in is None, odd


def test_an_error_has_a_code_whatever_the_server_sent() -> None:
    cases = [
        (said({"error": "invalid_grant", "error_description": "gone"}, 400), "invalid_grant"),
        (said({"error": "invalid_grant"}, 200), "invalid_grant"),  # an error in a response of status 200
        (said({"error": 7}, 401), "invalid_client"),
        (said({}, 400), "invalid_request"),
        (said({}, 429), "temporarily_unavailable"),
        (said({}, 200), "not_understood"),
        (said([], 200), "not_understood"),
        (said({"access_token": ""}, 200), "not_understood"),
        (said({"access_token": "t", "token_type": "mac"}, 200), "unsupported_token_type"),
        (HttpResponse(502, {}, b"<html>bad gateway"), "temporarily_unavailable"),
        (HttpResponse(200, {}, b"\xff"), "not_understood"),
    ]
    for response, code in cases:
        with pytest.raises(OAuthError) as refused:
            answer(response)
        assert refused.value.code == code, response
        assert refused.value.is_over is (code == "invalid_grant")
