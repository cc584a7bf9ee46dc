"""The EHR's own FHIR through an access token: for what the unified API does not have.

The token of the EHR stays here. The request goes to the account's own server, within what its user granted there and
what the consent told them here. Every use is a row of the audit trail with the method and the resource type, and
without anything of a patient. Nothing here has an Idempotency-Key: what passes through is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.fhir import FhirRequest, FhirResponse, PassesFhir
from cobalt_link.connector.refusals import SessionEnded
from cobalt_link.records import fhir_consent
from cobalt_link.records.fhir_consent import NotInConsent
from cobalt_link.records.resource import LIVE
from cobalt_link.records.writes.accept import WriteNotAllowed
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.problems import Problem

routes = Routes("fhir")
PATH = "/v1/fhir"
MOST = 8 * 2**20  # bytes of a resource
# What means something in FHIR. Everything else in a request is between the app and us.
HEADERS = ("accept", "content-type", "if-match", "if-none-match", "if-modified-since", "if-none-exist", "prefer")
OURS = {"client_id", "client_secret", "access_token"}


class SessionLost(Problem):
    """The EHR ended the session while this request was on its way, and a write is sent only once. Read whether the EHR
    has it, and send it again if not."""

    code = "session_lost"
    status = 503


class FhirGateway:
    """Gives requests to the connectors that have FHIR."""

    def __init__(self, sessions: EhrSessions, connectors: Mapping[str, Connector], public_url: str) -> None:
        self._sessions = sessions
        self._connectors = connectors
        self._base = f"{public_url.rstrip('/')}{PATH}"

    async def passed(self, account: Account, request: FhirRequest) -> FhirResponse:
        """Raises NotSupported, NotInConsent, WriteNotAllowed, SessionLost, and what a read of the account raises."""
        connector = self._connectors.get(account.connector)
        if not isinstance(connector, PassesFhir):
            name = connector.manifest.name if connector else account.connector
            raise NotSupported(f"{name} has no FHIR here. Use the resources of this API.")
        fhir_consent.check(account, connector.manifest, request)

        async def step(connector: Any, chart: Chart) -> FhirResponse:
            return await connector.fhir(chart, request)

        what = f"fhir {request.method} {request.path.partition('/')[0][:64]}"
        try:
            call = self._sessions.read if fhir_consent.is_read(request) else self._sessions.once
            return await call(account, step, what=what)
        except SessionEnded:
            raise SessionLost from None

    def response(self, found: FhirResponse) -> Response:
        headers = dict(found.headers)
        if location := headers.get("location"):
            headers["location"] = f"{self._base}/{location}"
        return Response(found.body, found.status, headers={"cache-control": "no-store", **headers})


DECLARED: Any = {
    "auth": Auth.ACCOUNT,
    "tenant": Tenant.ACCOUNT,
    "idempotency": Idempotency.NONE,
    "media": "application/fhir+json",
}


@routes.get(
    f"{PATH}/{{path:path}}",
    rate=Rate.READ,
    audit="fhir",
    errors=(*LIVE, NotInConsent),
    summary="Read or search in the EHR's own FHIR R4, within what the user granted.",
    **DECLARED,
)
async def read_fhir(room: FhirGateway, call: Call, path: str) -> Response:
    return room.response(await room.passed(call.account, await _request(call, "GET", path)))


@routes.post(
    f"{PATH}/{{path:path}}",
    rate=Rate.WRITE,
    audit="fhir",
    errors=(*LIVE, NotInConsent, WriteNotAllowed, SessionLost),
    summary="Create a resource in the EHR's own FHIR R4, or search by POST. It is sent once, with no Idempotency-Key.",
    max_body=MOST,
    **DECLARED,
)
async def create_fhir(room: FhirGateway, call: Call, path: str) -> Response:
    return room.response(await room.passed(call.account, await _request(call, "POST", path)))


@routes.put(
    f"{PATH}/{{path:path}}",
    rate=Rate.WRITE,
    audit="fhir",
    errors=(*LIVE, NotInConsent, WriteNotAllowed, SessionLost),
    summary="Change a resource in the EHR's own FHIR R4. It is sent once, with no Idempotency-Key. Send If-Match.",
    max_body=MOST,
    **DECLARED,
)
async def change_fhir(room: FhirGateway, call: Call, path: str) -> Response:
    return room.response(await room.passed(call.account, await _request(call, "PUT", path)))


async def _request(call: Call, method: str, path: str) -> FhirRequest:
    sent = call.request
    query = tuple(
        (name, value) for name, value in sent.query_params.multi_items() if name.replace("-", "_").lower() not in OURS
    )
    headers = {name: value for name in HEADERS if (value := sent.headers.get(name))}
    body = await sent.body() if method != "GET" else None
    return FhirRequest(method=method, path=path, query=query, headers=headers, body=body)
