"""Our registrations and OAuth client at two strict authorization servers that others wrote, from sign-in to revocation.

Both check PKCE, the redirect address, the client's proof, and each use of a code and of a refresh token.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html import unescape
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest

from cobalt_link.net.http import Http
from cobalt_link.oauth.authorization import AuthorizationRequest, authorization_request
from cobalt_link.oauth.discovery import SmartConfiguration, discover
from cobalt_link.oauth.errors import OAuthError
from cobalt_link.oauth.id_token import identity
from cobalt_link.oauth.registration import AppRegistration, AuthMethod, Proof
from cobalt_link.oauth.tokens import TokenAnswer, exchanged, refreshed, revoked
from cobalt_link.registrations.registrations import RegistrationChange, Registrations, as_jwks
from tests.net.wires import listening, plain
from tests.support.ehrs.nanoidp import SCOPES, nanoidp
from tests.support.ehrs.oidc_provider import NotInstalled, oidc_provider

SECRET = "s3cret-of-the-app"
ODD = f"{SECRET}: with signs + blanks & %41"  # both parts of Basic are form-encoded (RFC 6749 §2.3.1)
KINDS: dict[str, AuthMethod] = {"public": "none", "basic": "client_secret_basic", "post": "client_secret_post"}
KEYS = ("RS384", "ES384", "ES256")
FORM = re.compile(r"<form\b(.*?)>(.*?)</form>", re.DOTALL)
HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')
TYPED = {"username": "ann", "login": "ann", "password": "pass_good"}


async def registered(
    known: Registrations, names: tuple[str, ...], password: str
) -> tuple[list[AppRegistration], list[dict[str, Any]]]:
    """Registrations of each kind, and what the operator enters for them at the server (RFC 7591)."""
    apps, clients = [], []
    for name in names:
        method: AuthMethod = KINDS.get(name, "private_key_jwt")
        secret = password if method.startswith("client_secret") else None
        change = RegistrationChange(client_id=name, secret=secret, algorithm=name if name in KEYS else "ES384")  # type: ignore[arg-type]
        address = f"https://{name.lower()}.example/fhir"
        await known.add(name.lower(), "other", method, address, change)
        app = await known.at(address)
        assert app is not None
        client = {"client_id": name, "token_endpoint_auth_method": method, "redirect_uris": [app.redirect_uri]}
        keys = {"jwks": {"keys": as_jwks(await known.keys(name.lower()))}} if method == "private_key_jwt" else {}
        signs = {"token_endpoint_auth_signing_alg": name} if keys else {}
        apps.append(app)
        clients.append(client | ({"client_secret": secret} if secret else {}) | keys | signs)
    return apps, clients


@asynccontextmanager
async def discovered(http: Http, issuer: str) -> AsyncIterator[SmartConfiguration]:
    """The server's own document, published where a FHIR server publishes it."""
    document = await http.request("GET", f"{issuer}/.well-known/openid-configuration")
    async with listening(plain(document.body)) as front:
        yield await discover(http, front.url)


async def approved(url: str, callback: str) -> dict[str, str]:
    """What a browser brings back, once somebody has signed in and agreed at the server's own pages."""
    async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=30) as browser:
        page = await browser.get(url)
        for _ in range(12):
            if where := page.headers.get("location"):
                where = urljoin(str(page.url), where)
                if where.startswith(f"{callback}?"):
                    return {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}
                page = await browser.get(where)
                continue
            found = FORM.search(page.text)
            assert page.status_code == 200 and found, page.text
            action = re.search(r'action="([^"]*)"', found[1])
            fields = {name: unescape(value) for name, value in HIDDEN.findall(found[2])}
            typed = {name: value for name, value in TYPED.items() if f'name="{name}"' in found[2]}
            to = urljoin(str(page.url), unescape(action[1]) if action else "")
            page = await browser.post(to, data=fields | typed)
    raise AssertionError("The pages do not end.")


def asked(server: SmartConfiguration, app: AppRegistration) -> AuthorizationRequest:
    return authorization_request(server, app, scopes=SCOPES, audience=app.address)


async def code_of(request: AuthorizationRequest, app: AppRegistration) -> str:
    back = await approved(f"{request.url}&state=a-state", app.redirect_uri)
    assert back["state"] == "a-state" and back.get("iss") in (None, request.issuer), back
    return back["code"]


async def refusal(call: Any) -> str:
    with pytest.raises(OAuthError) as refused:
        await call
    return refused.value.code


async def lives(http: Http, server: SmartConfiguration, app: AppRegistration) -> None:
    """A whole life of a grant: signed in, identified, refreshed, revoked."""
    request = asked(server, app)
    code = await code_of(request, app)
    first = await exchanged(http, server.token_endpoint, app, code=code, verifier=request.verifier)
    keys = (await http.request("GET", server.jwks_uri or "")).json()
    who = identity(first.id_token or "", keys, issuer=server.issuer, client_id=app.client_id, nonce=request.nonce,
                   now=datetime.now(UTC))  # fmt: skip
    assert (who.subject, who.issuer) == ("ann", server.issuer) and first.expires_in
    second = await _refreshed(http, server, app, first)
    third = await _refreshed(http, server, app, second)
    assert third.access_token != first.access_token
    assert server.revocation_endpoint
    token = third.refresh_token or ""
    await revoked(http, server.revocation_endpoint, app, token=token, hint="refresh_token")
    await revoked(http, server.revocation_endpoint, app, token="unknown", hint="refresh_token")
    assert await refusal(refreshed(http, server.token_endpoint, app, refresh_token=token)) == "invalid_grant"


async def _refreshed(http: Http, server: SmartConfiguration, app: AppRegistration, was: TokenAnswer) -> TokenAnswer:
    """The next tokens; an answer without a refresh token keeps the one before."""
    assert was.refresh_token
    now = await refreshed(http, server.token_endpoint, app, refresh_token=was.refresh_token)
    return now if now.refresh_token else TokenAnswer(access_token=now.access_token, refresh_token=was.refresh_token)


async def refuses(http: Http, server: SmartConfiguration, app: AppRegistration) -> None:
    """What a strict server does not let pass, by the codes that end a grant here."""
    request, other = asked(server, app), asked(server, app)
    code = await code_of(request, app)
    wrong = exchanged(http, server.token_endpoint, app, code=code, verifier=other.verifier)  # S-020, S-023
    assert await refusal(wrong) == "invalid_grant"
    request = asked(server, app)
    code = await code_of(request, app)
    first = await exchanged(http, server.token_endpoint, app, code=code, verifier=request.verifier)
    again = exchanged(http, server.token_endpoint, app, code=code, verifier=request.verifier)
    assert await refusal(again) == "invalid_grant"  # S-015: and with it the tokens may be gone
    assert first.refresh_token


async def rotates(http: Http, server: SmartConfiguration, app: AppRegistration) -> None:
    """A refresh token that was used before ends the whole grant (RFC 9700 §4.14.2)."""
    request = asked(server, app)
    code = await code_of(request, app)
    first = await exchanged(http, server.token_endpoint, app, code=code, verifier=request.verifier)
    second = await refreshed(http, server.token_endpoint, app, refresh_token=first.refresh_token or "")
    assert second.refresh_token and second.refresh_token != first.refresh_token
    for token in (first.refresh_token, second.refresh_token):
        assert await refusal(refreshed(http, server.token_endpoint, app, refresh_token=token or "")) == "invalid_grant"


class Captured(AppRegistration):
    """Somebody who has one proof of an app, and no more."""

    def __init__(self, app: AppRegistration, proof: Proof) -> None:
        self.client_id, self.proof = app.client_id, proof

    async def prove(self, endpoint: str) -> Proof:
        return self.proof


async def needs_an_assertion_of_its_own(http: Http, server: SmartConfiguration, app: AppRegistration) -> None:
    """S-025, S-026: an assertion that was made for another server, and one that was used."""
    foreign = Captured(app, await app.prove("https://another.example/token"))
    once = Captured(app, await app.prove(server.token_endpoint))
    tries = [refreshed(http, server.token_endpoint, each, refresh_token="none") for each in (foreign, once, once)]
    assert [await refusal(each) for each in tries] == ["invalid_client", "invalid_grant", "invalid_client"]


async def test_each_kind_of_client_signs_in_at_oidc_provider(known: Registrations, http: Http) -> None:
    # S-020, S-026, S-027, S-031, S-038, S-039
    apps, clients = await registered(known, (*KINDS, *KEYS), ODD)
    more = {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]}
    try:
        async with oidc_provider([client | more for client in clients]) as issuer, discovered(http, issuer) as server:
            assert server.returns_issuer and server.issuer == issuer
            for app in apps:
                await lives(http, server, app)
            await refuses(http, server, apps[0])
            await rotates(http, server, apps[-1])
            await needs_an_assertion_of_its_own(http, server, apps[-1])
    except NotInstalled as why:
        pytest.skip(f"oidc-provider is not installed: {why}")


@pytest.mark.skipif(find_spec("nanoidp") is None, reason="nanoidp is not installed: make setup-dev")
async def test_each_kind_of_client_signs_in_at_nanoidp(known: Registrations, http: Http, tmp_path: Path) -> None:
    # S-020, S-027, S-031, S-038, S-039
    apps, clients = await registered(known, tuple(KINDS), SECRET)  # it does not decode Basic
    async with nanoidp(tmp_path, clients) as idp, discovered(http, idp.origin) as server:
        for app in apps:
            await lives(http, server, app)
            await refuses(http, server, app)
        await rotates(http, server, apps[0])  # a public client's token is rotated, a confidential one's is kept
