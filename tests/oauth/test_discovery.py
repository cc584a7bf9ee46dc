"""Where to sign in, from documents as servers publish them: relative, contradictory, and malformed (S-041)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cobalt_link.net.http import Http
from cobalt_link.oauth.discovery import OAUTH_URIS, WELL_KNOWN, configuration, discover
from cobalt_link.oauth.errors import NotSmart
from tests.net.wires import Wire, listening, plain

BASE = "https://ehr.example/fhir"
GOOD: dict[str, Any] = {
    "issuer": "https://login.example",
    "authorization_endpoint": "https://login.example/authorize",
    "token_endpoint": "https://login.example/token",
    "code_challenge_methods_supported": ["S256"],
    "capabilities": ["launch-standalone"],
}
VENDORS = Path(__file__).parents[3] / "shared/data/vendors"

MALFORMED = {
    "no authorization endpoint": {**GOOD, "authorization_endpoint": None},
    "no token endpoint": {name: value for name, value in GOOD.items() if name != "token_endpoint"},
    "an empty endpoint": {**GOOD, "token_endpoint": ""},
    "a list for an endpoint": {**GOOD, "token_endpoint": ["https://login.example/token"]},
    "a number for an endpoint": {**GOOD, "authorization_endpoint": 7},
    "a script": {**GOOD, "authorization_endpoint": "javascript:alert(1)"},
    "plain http under https": {**GOOD, "token_endpoint": "http://login.example/token"},
    "a user name in the address": {**GOOD, "authorization_endpoint": "https://login.example@evil.example/authorize"},
    "a backslash": {**GOOD, "authorization_endpoint": "https://evil.example\\@login.example/"},
    "a fragment": {**GOOD, "authorization_endpoint": "https://login.example/authorize#x"},
    "a blank": {**GOOD, "token_endpoint": " https://login.example/token"},
    "an impossible port": {**GOOD, "token_endpoint": "https://login.example:99999/token"},
    "a line break": {**GOOD, "token_endpoint": "https://login.example/to\nken"},
    "another scheme": {**GOOD, "token_endpoint": "ftp://login.example/token"},
}


def test_an_endpoint_that_cannot_be_used_is_refused_with_its_name() -> None:
    for what, document in MALFORMED.items():
        with pytest.raises(NotSmart, match="endpoint"):
            print(what, configuration(BASE, document))


def test_relative_addresses_belong_to_the_fhir_server() -> None:
    found = configuration(BASE, {**GOOD, "authorization_endpoint": "../auth/authorize", "token_endpoint": "token"})
    assert found.authorization_endpoint == "https://ehr.example/auth/authorize"
    assert found.token_endpoint == "https://ehr.example/fhir/token"


def test_what_is_missing_or_contradictory_is_a_doubt_and_forbids_nothing() -> None:
    odd = {"code_challenge_methods_supported": "plain", "scopes_supported": "openid fhirUser", "capabilities": None,
           "jwks_uri": 7, "token_endpoint_auth_methods": ["none", 3]}  # fmt: skip
    found = configuration(BASE, {**GOOD, **odd})
    assert found.scopes == ("openid", "fhirUser") and found.capabilities == () and found.auth_methods == ("none",)
    assert [each.split()[0] for each in found.doubts] == ["code_challenge_methods_supported", "jwks_uri"]


async def test_the_capability_statement_is_asked_only_if_the_document_is_no_use() -> None:
    security = [{"url": OAUTH_URIS, "extension": [
        {"url": "authorize", "valueUri": "https://login.example/authorize"},
        {"url": "token", "valueUri": "https://login.example/token"},
    ]}]  # fmt: skip
    statement = json.dumps({"resourceType": "CapabilityStatement", "rest": [{"security": {"extension": security}}]})
    documents = {"not there": plain(b"", "404 Not Found"), "a page": plain(b"<html>"), "a list": plain(b"[]"),
                 "without endpoints": plain(b"{}"), "nested": plain(b"[" * 5000)}  # fmt: skip
    for what, document in documents.items():

        def say(request: bytes, document: bytes = document) -> bytes:
            return document if WELL_KNOWN.encode() in request else plain(statement.encode())

        async with listening(say) as server, http() as client:
            found = await discover(client, f"{server.url}/fhir/")
        assert found.token_endpoint == "https://login.example/token", what
        assert found.doubts, what

    async with listening(plain(json.dumps(GOOD).encode())) as server, http() as client:
        assert (await discover(client, server.url)).issuer == "https://login.example"
    assert asked(server) == [f"/{WELL_KNOWN}"]
    assert b"accept: application/json" in server.heard[0].lower().split(b"\r\n")

    async with listening(plain(b"{}")) as server, http() as client:
        with pytest.raises(NotSmart, match="authorization_endpoint is missing"):
            await discover(client, server.url)


@pytest.mark.skipif(not VENDORS.is_dir(), reason="the vendors' documents are not here")
def test_the_documents_of_seven_vendors_are_read() -> None:
    files = sorted(VENDORS.glob("*-smart.json"))
    for file in files:
        found = configuration("https://fhir.example/r4", json.loads(file.read_text()))
        assert found.token_endpoint.startswith("https://") and found.capabilities, file.name
    assert len(files) == 9


def http() -> Any:
    return _Closing()


class _Closing:
    async def __aenter__(self) -> Http:
        self._http = Http(allow_private=True)
        return self._http

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()


def asked(server: Wire) -> list[str]:
    return [each.split(b" ")[1].decode() for each in server.heard]
