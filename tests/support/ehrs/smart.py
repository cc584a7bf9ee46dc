"""A small SMART EHR for tests, with a switch for each way in which a server can be odd, broken, or hostile.

`SmartEhr.records` is the chart: FHIR resources by type and id. `replies` answer instead of the server, by path. The
real EHR of the sandbox has another server; this one does what no honest server would.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from time import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from cobalt_link.connector import AppRegistration, NoRegistrations
from cobalt_link.oauth.registration import Proof, basic_proof
from cobalt_link.web import server as web_server
from tests.support.world import free_port

Reply = Callable[[Request], Response | Awaitable[Response]]
KEY = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"})
CAN = ("read", "search-type", "create", "update")
PARAMETERS = {
    "Patient": ("_id", "identifier", "family", "given", "birthdate", "phone", "_count"),
    "Appointment": ("_id", "patient", "practitioner", "location", "date", "_count"),
    "Slot": ("_id", "start", "schedule.actor", "_count"),
    "Task": ("_id", "patient", "owner", "_count"),
}


class App(AppRegistration):
    """A confidential client of an EHR."""

    method = "client_secret_basic"

    def __init__(self, address: str, **more: Any) -> None:
        self.id, self.client_id, self.address = "northlake", "client-1", address
        self.redirect_uri = "https://link.example/oauth/callback/northlake"
        self.scopes: tuple[str, ...] = more.pop("scopes", ())
        self.schedules: tuple[str, ...] = more.pop("schedules", ())
        self.vendor: str = more.pop("vendor", "")
        self.context: Mapping[str, str] = more.pop("context", {})

    async def prove(self, endpoint: str) -> Proof:
        return basic_proof(self.client_id, "s3cret")


class Registered(NoRegistrations):
    """The registrations of a test, by exact address."""

    def __init__(self, *apps: AppRegistration) -> None:
        self.apps = {app.address: app for app in apps}

    async def at(self, address: str) -> AppRegistration | None:
        return self.apps.get(address)


class SmartEhr:
    """`heard` are the requests in their order: method, path with query, authorization, form."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.address = f"{origin}/fhir"
        self.records: dict[str, dict[str, dict[str, Any]]] = {}
        self.heard: list[tuple[str, str, str, dict[str, str]]] = []
        self.replies: dict[str, Reply] = {}
        self.configuration: dict[str, Any] = {}  # over what the server says of itself; None removes
        self.statement: dict[str, Any] | None = None
        self.claims: dict[str, Any] = {}  # over those of the id token
        self.answer: dict[str, Any] = {}  # over the token answer
        self.comes_back: dict[str, str | None] = {}  # over the parameters of the callback
        self.rotates, self.expires_in = True, 300
        self.needs_actor = False  # an appointment list wants a patient, a practitioner, or a location
        self.writes = True
        self.sent: list[dict[str, Any]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.access: set[str] = set()
        self.refresh: dict[str, bool] = {}  # whether each is still good
        self.user = "Practitioner/dr-lee"
        self.add("Practitioner", "dr-lee", name=[{"family": "Lee", "given": ["Ana"]}])

    def add(self, kind: str, ehr_id: str, **fields: Any) -> dict[str, Any]:
        made = {"resourceType": kind, "id": ehr_id, **fields}
        self.records.setdefault(kind, {})[ehr_id] = made
        return made

    def count(self, path: str) -> int:
        return sum(heard[1].partition("?")[0] == path for heard in self.heard)

    def asked(self, path: str) -> list[dict[str, list[str]]]:
        """The queries of the requests to a path."""
        return [parse_qs(heard[1].partition("?")[2]) for heard in self.heard if heard[1].partition("?")[0] == path]

    async def approve(self, url: str) -> dict[str, str]:
        """What a browser brings back from the authorization request at `url`, once the user has agreed there."""
        given = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{self.origin}/authorize?") and given["code_challenge_method"] == "S256"
        code = token_urlsafe(16)
        self.codes[code] = given
        said = {"code": code, "state": given.get("state", ""), "iss": self.origin} | self.comes_back
        return {name: value for name, value in said.items() if value is not None}

    def plain(self, request: Request) -> Response:
        """What it answers to a request without a body, for a reply that is for some requests only."""
        return self._respond(request, {}, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
            return
        request = Request(scope, receive)
        query = f"?{request.url.query}" if request.url.query else ""
        body = await request.body()
        form = dict(parse_qsl(body.decode("utf-8", "replace"))) if b"=" in body[:200] and body[:1] != b"{" else {}
        self.heard.append((request.method, request.url.path + query, request.headers.get("authorization", ""), form))
        reply = self.replies.get(request.url.path)
        answered = reply(request) if reply else self._respond(request, form, body)
        response = answered if isinstance(answered, Response) else await answered
        await response(scope, receive, send)

    def _respond(self, request: Request, form: Mapping[str, str], body: bytes) -> Response:
        match request.url.path.strip("/").split("/"):
            case ["fhir", ".well-known", "smart-configuration"]:
                return JSONResponse(self._configuration())
            case ["fhir", "metadata"]:
                return JSONResponse(self.statement or capability_statement())
            case ["jwks"]:
                return JSONResponse({"keys": [KEY.as_dict(private=False)]})
            case ["token"]:
                return self._token(form)
            case ["revoke"]:
                self.refresh[form["token"]] = False
                self.access.discard(form["token"])
                return Response()
            case ["fhir", *path]:
                return self._fhir(request, path, body)
        return Response(status_code=404)

    def _configuration(self) -> dict[str, Any]:
        said = {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "revocation_endpoint": f"{self.origin}/revoke",
            "jwks_uri": f"{self.origin}/jwks",
            "capabilities": ["launch-standalone", "sso-openid-connect", "permission-v2", "permission-offline"],
            "code_challenge_methods_supported": ["S256"],
        } | self.configuration
        return {name: value for name, value in said.items() if value is not None}

    def _token(self, form: Mapping[str, str]) -> Response:
        if form["grant_type"] == "authorization_code":
            given = self.codes.pop(form["code"], None)
            challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            if given is None or challenge != given["code_challenge"] or given["redirect_uri"] != form["redirect_uri"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse(self._tokens(given["scope"]) | self._with_id_token(given) | self.answer)
        used = form["refresh_token"]
        if not self.refresh.get(used):
            self.refresh = dict.fromkeys(self.refresh, False)  # one that was used before ends the whole family
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.refresh[used] = not self.rotates
        answer = self._tokens("")
        del answer["scope"]
        if not self.rotates:
            del answer["refresh_token"]
        return JSONResponse(answer | self.answer)

    def _tokens(self, scope: str) -> dict[str, Any]:
        access, refresh = token_urlsafe(16), token_urlsafe(16)
        self.access.add(access)
        if self.rotates or scope:
            self.refresh[refresh] = True
        return {"access_token": access, "token_type": "Bearer", "expires_in": self.expires_in, "scope": scope,
                "refresh_token": refresh}  # fmt: skip

    def _with_id_token(self, given: Mapping[str, str]) -> dict[str, str]:
        now = int(time())
        claims = {"iss": self.origin, "aud": given["client_id"], "sub": "u-1", "iat": now, "exp": now + 300,
                  "nonce": given.get("nonce"), "fhirUser": f"{self.address}/{self.user}"} | self.claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"id_token": jwt.encode({"alg": "ES256", "kid": "k1"}, claims, KEY)}

    def _fhir(self, request: Request, path: list[str], body: bytes) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.access:
            return JSONResponse(outcome("login"), 401)
        if request.method == "POST":
            self.sent.append(json.loads(body))
            return (
                self._create(path[0], json.loads(body)) if self.writes else JSONResponse(outcome("business-rule"), 422)
            )
        if len(path) == 2:
            found = self.records.get(path[0], {}).get(path[1])
            if found and request.method in ("PUT", "PATCH"):
                if request.headers.get("if-match") not in (None, self._tag(found)):
                    return JSONResponse(outcome("conflict"), 412)
                changed = json.loads(body)
                if request.method == "PATCH":
                    changed = found | {each["path"].strip("/"): each["value"] for each in changed}
                self.records[path[0]][path[1]] = found = changed | {"meta": {"versionId": str(time())}}
            headers = {"etag": self._tag(found)} if found else {}
            return JSONResponse(found, 200, headers) if found else JSONResponse(outcome("not-found"), 404)
        return self._search(path[0], request)

    def _tag(self, record: Mapping[str, Any]) -> str:
        return f'W/"{record.get("meta", {}).get("versionId", "1")}"'

    def _create(self, kind: str, record: dict[str, Any]) -> Response:
        """As the real ones do: an empty body, and the id in `Location` alone."""
        ehr_id = f"new-{len(self.records.get(kind, {})) + 1}"
        self.add(kind, ehr_id, **{name: value for name, value in record.items() if name not in ("resourceType", "id")})
        return Response(status_code=201, headers={"location": f"{self.address}/{kind}/{ehr_id}/_history/1"})

    def _search(self, kind: str, request: Request) -> Response:
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        if kind == "Appointment" and self.needs_actor and not {"patient", "practitioner", "location", "_id"} & {*query}:
            return JSONResponse(outcome("required"), 400)
        found = [each for each in self.records.get(kind, {}).values() if _matches(each, query)]
        size, first = int(query.get("_count", ["50"])[0]), int(query.get("_from", ["0"])[0])
        page = found[first : first + size]
        rest = urlencode([(name, value) for name, values in query.items() if name != "_from" for value in values])
        more = [{"relation": "next", "url": f"{self.address}/{kind}?{rest}&_from={first + size}"}]
        return JSONResponse({
            "resourceType": "Bundle", "type": "searchset", "total": len(found),
            "link": more if first + size < len(found) else [],
            "entry": [{"fullUrl": f"{self.address}/{kind}/{each.get('id')}", "resource": each,
                       "search": {"mode": "match"}} for each in page],
        })  # fmt: skip


def outcome(code: str, severity: str = "error", *own: str) -> dict[str, Any]:
    details = {"details": {"coding": [{"code": each} for each in own]}} if own else {}
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code, **details}]}


def capability_statement(without: tuple[str, ...] = (), **can: tuple[str, ...]) -> dict[str, Any]:
    """Everything that the connector uses; `can` has other interactions by type."""
    kinds = ("Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Appointment", "Schedule",
             "Slot", "Encounter", "DocumentReference", "Binary", "ServiceRequest", "MedicationRequest",
             "DiagnosticReport", "Observation", "Task", "Communication", "Coverage")  # fmt: skip
    return {
        "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "software": {"name": "Northlake"},
        "rest": [{"mode": "server", "resource": [
            {"type": kind, "interaction": [{"code": each} for each in can.get(kind, CAN)],
             "searchParam": [{"name": each} for each in PARAMETERS.get(kind, ("_id", "patient", "_count"))]}
            for kind in kinds if kind not in without
        ]}],
    }  # fmt: skip


def _matches(record: Mapping[str, Any], query: Mapping[str, list[str]]) -> bool:
    said = json.dumps(record).casefold()
    for name, values in query.items():
        if name == "_id":
            if record.get("id") not in values[0].split(","):
                return False
        elif name in ("date", "start"):
            start = str(record.get("start") or record.get("date"))
            if not all(_on_this_side(start, each[:2], each[2:]) for each in values):
                return False
        elif name in ("patient", "practitioner", "location", "owner", "schedule.actor", "_tag"):
            if not any(f'/{each.rpartition("/")[2].casefold()}"' in said for each in values):
                return False
        elif name in ("identifier", "family", "given", "name", "birthdate", "phone") and not all(
            any(one.casefold() in said for one in each.split(",")) for each in values
        ):
            return False
    return True


def _on_this_side(start: str, prefix: str, end: str) -> bool:
    """A day is compared by days, a time by times."""
    if len(end) == 10 or len(start) == 10:
        return start[:10] >= end[:10] if prefix == "ge" else start[:10] < end[:10]
    at, limit = datetime.fromisoformat(start), datetime.fromisoformat(end)
    return at >= limit if prefix == "ge" else at < limit


@asynccontextmanager
async def smart_ehr() -> AsyncIterator[SmartEhr]:
    """A server of its own on a free port."""
    port = free_port()
    ehr = SmartEhr(f"http://127.0.0.1:{port}")
    async with web_server.serving(ehr, "127.0.0.1", port):
        yield ehr


def to(url: str, status: int = 302) -> Reply:
    return lambda request: RedirectResponse(url, status)
