"""A small and strict authorization server with a little FHIR, for the mistakes that an operator makes at a vendor.

`apps` is what stands on the vendor's page. `approve` is a person's browser: a sign-in page, or an error page that
leads nowhere.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from cobalt_link.connector import Secret
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.oauth.pkce import challenge
from cobalt_link.registrations.registrations import Registrations, as_jwks
from cobalt_link.web import server as web_server
from tests.support.world import free_port

SIGN_IN = '<form method="post"><input name="username"><input type="password" name="password"></form>'
WORDS = {
    "client": "OAuth2 error: unauthorized_client. The client is not known.",
    "redirect": "OAuth2 error: invalid_request. The redirect_uri is not registered.",
}


@dataclass
class VendorApp:
    """An app as a vendor has it. `keys_of` is the registration of ours whose key set was entered."""

    redirect_uri: str
    method: str = "private_key_jwt"
    secret: str = ""
    keys_of: str = ""
    smart: str = "any"
    offline: bool = True
    enabled: bool = True
    refreshes: bool = True
    apis: set[str] = field(default_factory=lambda: {"Patient", "Appointment"})


class SmallEhr:
    """`pages` says how it shows a mistake: in `words`, on one `generic` page, or `late`, after the sign-in."""

    def __init__(self, origin: str, known: Registrations) -> None:
        self.origin = origin
        self.address = f"{origin}/fhir"
        self.known = known
        self.apps: dict[str, VendorApp] = {}
        self.pages = "words"
        self.fhir_version = "4.0.1"
        self.configuration: dict[str, Any] = {}
        self.says_no = False
        self.codes: dict[str, dict[str, str]] = {}
        self.access: dict[str, str] = {}
        self.refresh: dict[str, str] = {}
        self.revoked: list[str] = []
        self.rotates = True
        self.heard: list[bytes] = []

    async def approve(self, url: str) -> RedirectAnswer | None:
        """What a browser brings back. None from an error page."""
        assert url.startswith(f"{self.origin}/authorize?")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        app = self.apps.get(asked["client_id"])
        if app is None or app.redirect_uri != asked["redirect_uri"]:
            return None
        if not app.enabled:
            return RedirectAnswer(error="urn:ehr:error:authorize:unknown-tenant", issuer=self.origin)
        if self.says_no:
            return RedirectAnswer(error="access_denied", issuer=self.origin)
        code = token_urlsafe(16)
        self.codes[code] = asked
        return RedirectAnswer(code=Secret(code), issuer=self.origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": f"{(await receive())['type']}.complete"})
            return
        request = Request(scope, receive)
        body = await request.body()
        self.heard.append(body)
        response = await self._respond(request, dict(parse_qsl(body.decode())))
        await response(scope, receive, send)

    async def _respond(self, request: Request, form: Mapping[str, str]) -> Response:
        match request.url.path.strip("/").split("/"):
            case ["fhir", ".well-known", "smart-configuration"]:
                return JSONResponse(self._configuration())
            case ["fhir", "metadata"]:
                return JSONResponse(self._statement())
            case ["authorize"]:
                return self._authorize(dict(request.query_params))
            case ["token"]:
                return await self._token(request, form)
            case ["revoke"]:
                self.revoked.append(form["token"])
                return Response()
            case ["fhir", kind]:
                return self._read(request, kind)
            case ["registrations", name, "jwks.json"]:  # our own server, at the same address
                return JSONResponse({"keys": as_jwks(await self.known.keys(name))})
        return Response(status_code=404)

    def _configuration(self) -> dict[str, Any]:
        whole = {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "revocation_endpoint": f"{self.origin}/revoke",
            "capabilities": ["launch-standalone", "permission-v1", "permission-v2", "permission-offline"],
            "code_challenge_methods_supported": ["S256"],
        } | self.configuration
        return {name: value for name, value in whole.items() if value is not None}

    def _statement(self) -> dict[str, Any]:
        can = {"Patient": "read search-type", "Appointment": "read search-type create",
               "DocumentReference": "read search-type", "Task": "read create"}  # fmt: skip
        resources = [
            {"type": kind, "interaction": [{"code": each} for each in codes.split()]} for kind, codes in can.items()
        ]
        return {"resourceType": "CapabilityStatement", "fhirVersion": self.fhir_version,
                "rest": [{"mode": "server", "resource": resources}]}  # fmt: skip

    def _authorize(self, asked: Mapping[str, str]) -> Response:
        if self.pages == "late":
            return HTMLResponse(SIGN_IN)
        app = self.apps.get(asked["client_id"])
        wrong = "client" if app is None else "redirect" if app.redirect_uri != asked["redirect_uri"] else None
        if wrong and self.pages == "generic":
            return HTMLResponse(f"<h1>Error</h1><p>Something is wrong. Request {token_urlsafe(16)}</p>", 400)
        if wrong:
            return HTMLResponse(f"<h1>Error</h1><p>{WORDS[wrong]}</p>", 200)
        if app and app.smart == "strict-v1" and ".rs" in asked["scope"]:
            return RedirectResponse(f"{app.redirect_uri}?{urlencode({'error': 'invalid_scope'})}")
        return HTMLResponse(SIGN_IN)

    async def _client(self, request: Request, form: Mapping[str, str]) -> tuple[str, VendorApp] | None:
        """The app, if it proved itself in the one way that it is registered for."""
        header = request.headers.get("authorization", "")
        method, client_id, proof = "none", form.get("client_id", ""), ""
        if header:
            pair = b64decode(header.split()[1]).decode()
            method, (client_id, proof) = "client_secret_basic", (unquote(each) for each in pair.split(":"))
        elif "client_secret" in form:
            method, proof = "client_secret_post", form["client_secret"]
        elif "client_assertion" in form:
            method, proof = "private_key_jwt", form["client_assertion"]
            client_id = str(jwt_claims(proof).get("sub"))
        app = self.apps.get(client_id)
        if app is None or app.method != method:
            return None
        right = await self._verifies(app, client_id, proof) if method == "private_key_jwt" else proof == app.secret
        return (client_id, app) if right else None

    async def _verifies(self, app: VendorApp, client_id: str, assertion: str) -> bool:
        keys = as_jwks(await self.known.keys(app.keys_of))
        try:
            found = jwt.decode(assertion, KeySet.import_key_set({"keys": keys}), algorithms=["RS384", "ES384"])
        except (JoseError, ValueError):
            return False
        return found.claims["iss"] == client_id and found.claims["aud"] == f"{self.origin}/token"

    async def _token(self, request: Request, form: Mapping[str, str]) -> Response:
        found = await self._client(request, form)
        if found is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        client_id, app = found
        if form["grant_type"] == "refresh_token":
            if not app.refreshes or self.refresh.get(form["refresh_token"]) != client_id:
                return JSONResponse({"error": "invalid_grant", "error_description": "Refresh is off."}, 400)
            return JSONResponse(self._tokens(client_id, app, refresh=self.rotates))
        asked = self.codes.pop(form["code"], {})
        if asked.get("redirect_uri") != form["redirect_uri"] or asked["code_challenge"] != challenge(
            form["code_verifier"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        scopes = [each for each in asked["scope"].split() if self._grants(app, each)]
        answer = self._tokens(client_id, app, refresh="offline_access" in scopes)
        return JSONResponse(answer | {"scope": " ".join(scopes)})

    def _grants(self, app: VendorApp, scope: str) -> bool:
        if scope == "offline_access":
            return app.offline
        is_v1 = scope.endswith((".read", ".write", ".*"))
        return "/" not in scope or app.smart == "any" or (app.smart == "v1") == is_v1

    def _tokens(self, client_id: str, app: VendorApp, *, refresh: bool) -> dict[str, Any]:
        access = token_urlsafe(16)
        self.access[access] = client_id
        answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": 3600}
        if refresh:
            answer["refresh_token"] = token_urlsafe(16)
            self.refresh[answer["refresh_token"]] = client_id
        return answer

    def _read(self, request: Request, kind: str) -> Response:
        client_id = self.access.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if client_id is None:
            return Response(status_code=401)
        if kind not in self.apps[client_id].apis:
            return Response(status_code=403)
        return JSONResponse({"resourceType": "Bundle", "type": "searchset"}, 200 if kind == "Patient" else 400)


def jwt_claims(assertion: str) -> dict[str, Any]:
    return dict(json.loads(jws.extract_compact(assertion.encode()).payload))


@asynccontextmanager
async def small_ehr(known: Registrations, port: int | None = None) -> AsyncIterator[SmallEhr]:
    port = port or free_port()
    ehr = SmallEhr(f"http://127.0.0.1:{port}", known)
    async with web_server.serving(ehr, "127.0.0.1", port):
        yield ehr
