"""Everything that is known before a user goes to the EHR: who the server is, how it signs users in, what it has."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from cobalt_link.connector import (
    AppRegistration,
    AuthorizationRequest,
    BrokenAnswer,
    EhrBusy,
    EhrDown,
    EhrInstance,
    Http,
    NoRegistrations,
    NoSuchName,
    NotJson,
    NotSmart,
    NotThisAddress,
    SmartConfiguration,
    TlsError,
    Unsupported,
    authorization_request,
    discover,
)
from cobalt_link.connectors.smart import scopes
from cobalt_link.connectors.smart.statement import Statement, statement_of
from cobalt_link.connectors.smart.vendors import OTHER, Vendor, vendor_of

ACCEPT = "application/fhir+json, application/json"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in keeps while the user is at the EHR. `asked` are the scopes. Every address here was read before the
    browser left, and the code goes to none that came later (S-022)."""

    address: str
    vendor: str
    statement: Statement
    registration: str
    client_id: str
    request: AuthorizationRequest
    asked: tuple[str, ...]
    schedules: tuple[str, ...] = ()
    context: dict[str, str] = {}
    returns_issuer: bool = False
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    launched: bool = False


async def prepare(
    http: Http, registrations: NoRegistrations, instance: EhrInstance, launched: bool = False
) -> Prepared:
    """Raises NotThisAddress, and Unsupported if no app is registered for this address. If the EHR has launched the app,
    the scope `launch` says so (SMART App Launch 2.2, EHR launch)."""
    address = instance.address.rstrip("/")
    app = await registered(registrations, address)
    statement = await read_statement(http, address)
    vendor = vendor_of(address, statement, app.vendor)
    server = await configuration(http, address, vendor)
    asked = app.scopes or _scopes(server, vendor.corrected(statement), vendor)
    audience = f"{address}/" if vendor.audience_slash else address
    # `launch` stays out of `asked`: it gives the app nothing that could be missing later.
    requested = (*asked, "launch") if launched else asked
    return Prepared(
        address=address,
        vendor=vendor.key,
        statement=vendor.corrected(statement),
        registration=app.id,
        client_id=app.client_id,
        request=authorization_request(server, app, scopes=requested, audience=audience),
        asked=tuple(asked),
        schedules=tuple(app.schedules),
        context=dict(app.context),
        returns_issuer=server.returns_issuer,
        jwks_uri=server.jwks_uri,
        revocation_endpoint=server.revocation_endpoint,
        launched=launched,
    )


async def name_at(registrations: NoRegistrations, address: str | None) -> str | None:
    """The vendor's name, as far as the operator's registration or the host tells it. Else the host, which is more than
    "SMART on FHIR" to somebody who sees patients."""
    if address is None:
        return None
    app = await registrations.at(address.rstrip("/"))
    vendor = vendor_of(address, None, app.vendor if app else "")
    return vendor.name if vendor.key != OTHER else urlsplit(address).hostname


async def registered(registrations: NoRegistrations, address: str) -> AppRegistration:
    """The registration that the operator approved for exactly this address. Raises Unsupported."""
    app = await registrations.at(address)
    if app is None or app.address.rstrip("/") != address:
        raise Unsupported(reason="no_registration")
    return app


async def configuration(http: Http, address: str, vendor: Vendor) -> SmartConfiguration:
    """How the FHIR server at an address signs users in. Raises NotThisAddress if that is no SMART server."""
    parts = urlsplit(address)
    # What is at the host comes first there: the statement at the base has the endpoints too, and no keys.
    at_host = [f"{parts.scheme}://{parts.netloc}"] if vendor.discovery_at_host else []
    try:
        for place in at_host:
            with suppress(NotSmart):
                return await discover(http, place)
        return await discover(http, address)
    except NoSuchName:
        raise NotThisAddress(reason="not_found") from None
    except (BrokenAnswer, NotSmart, TlsError):
        raise NotThisAddress(reason="other_ehr") from None


async def read_statement(http: Http, address: str) -> Statement:
    """The CapabilityStatement; an empty one if the server shows none to strangers. Raises EhrDown and EhrBusy."""
    try:
        response = await http.request("GET", f"{address}/metadata", headers={"accept": ACCEPT})
    except NoSuchName:
        raise NotThisAddress(reason="not_found") from None
    except (BrokenAnswer, TlsError):
        raise NotThisAddress(reason="other_ehr") from None
    if response.status == 429:
        raise EhrBusy
    if response.status >= 500:
        raise EhrDown
    try:
        return statement_of(response.json()) if response.status == 200 else Statement()
    except NotJson:
        return Statement()


def _scopes(server: SmartConfiguration, statement: Statement, vendor: Vendor) -> tuple[str, ...]:
    host = urlsplit(server.base).hostname or ""
    return scopes.asked(server, statement, vendor, scopes.context_of(vendor, host, ()))
