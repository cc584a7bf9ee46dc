"""Who signed in: the id token, checked, and the person's own record on the FHIR server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from cobalt_link.connector import (
    BadIdToken,
    EhrDown,
    EhrUser,
    Http,
    Identity,
    NoRights,
    NotJson,
    TokenAnswer,
    Unsupported,
    identity,
)
from cobalt_link.connectors.smart.discovery import Prepared
from cobalt_link.connectors.smart.names import name_of
from cobalt_link.connectors.smart.references import local
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.session import Session

PEOPLE = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person")


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """`fhir_user` is such as "Practitioner/123", and None if the server does not say."""

    user: EhrUser
    fhir_user: str | None = None


async def who(http: Http, prepared: Prepared, answer: TokenAnswer, session: Session) -> Who:
    """Raises BadIdToken for an id token that is not to be believed (S-027), and Unsupported for a server that does not
    say who signed in."""
    token = await _identity(http, prepared, answer)
    said = (token.fhir_user if token else None) or answer.fhir_user
    place = local(said or "", session.address)
    if place is None and session.patient and token is None:
        place = ("Patient", session.patient)
    if place is None and token is None:
        raise Unsupported(reason="nobody_named")
    known = place if place and place[0] in PEOPLE else None
    name = await _name(http, session, known) if known else None
    subject = "/".join(known) if known else token.subject if token else ""
    shown = name or (token.name if token else None)
    username = (token.username if token else None) or shown or subject
    return Who(user=EhrUser(id=subject, username=username, name=shown), fhir_user="/".join(known) if known else None)


async def _identity(http: Http, prepared: Prepared, answer: TokenAnswer) -> Identity | None:
    """None if the server gave no id token. One that it gave must be right."""
    if answer.id_token is None:
        return None
    request = prepared.request
    keys = await _keys(http, prepared)
    return identity(
        answer.id_token,
        keys,
        issuer=request.issuer,
        client_id=prepared.client_id,
        nonce=request.nonce,
        now=datetime.now(UTC),
    )


async def _keys(http: Http, prepared: Prepared) -> Any:
    """The server's JWKS. Without an address for it, the issuer's own discovery document has one (OpenID Connect
    Discovery, section 4)."""
    url = prepared.jwks_uri
    if url is None and prepared.request.issuer:
        found = await _json(http, f"{prepared.request.issuer.rstrip('/')}/.well-known/openid-configuration")
        url = found.get("jwks_uri") if isinstance(found, dict) else None
    if not isinstance(url, str):
        raise BadIdToken("the server publishes no keys")
    return await _json(http, url)


async def _json(http: Http, url: str) -> Any:
    response = await http.request("GET", url, headers={"accept": "application/json"})
    if response.status >= 500 or response.status == 429:
        raise EhrDown
    try:
        return response.json() if response.status == 200 else None
    except NotJson:
        return None


async def _name(http: Http, session: Session, place: tuple[str, str]) -> str | None:
    """The person's name. A server that does not show their own record has signed them in all the same."""
    try:
        record = await Server(http, session).read(*place)
    except NoRights:
        return None
    return name_of(record, datetime.now(UTC).date()).sorted or None if record else None
