"""An app registration at an EHR, as the OAuth client sees it: it proves itself, and shows neither secret nor key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

import msgspec

AuthMethod: TypeAlias = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=4)  # at most five are allowed, and clocks differ (SMART requirement 309; S-026)


class Proof(msgspec.Struct, frozen=True):
    """What proves a client at a token endpoint: headers and form fields to add to one request."""

    headers: dict[str, str] = {}
    form: dict[str, str] = {}


class AppRegistration(ABC):
    """`id` names it in its callback address `redirect_uri`. `scopes` are what the operator asks for, and empty for what
    the connector needs. `address` is the FHIR server that the operator registered it for. `schedules` are references
    such as "Location/21" or "Practitioner/9": whose appointments to read where a server lists none without a name.
    `vendor` is a key of the connector's vendors, and empty where the operator named none. `context` has values that a
    vendor wants in each call, such as {"ah-practice": "Organization/a-1.Practice-1"}."""

    id: str
    client_id: str
    redirect_uri: str
    address: str
    method: AuthMethod
    scopes: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    vendor: str = ""
    context: Mapping[str, str] = {}

    @abstractmethod
    async def prove(self, endpoint: str) -> Proof:
        """The proof for one request to this endpoint of the authorization server."""


class NoRegistrations:
    """Where no app is registered at any EHR."""

    async def at(self, address: str) -> AppRegistration | None:
        """The registration that the operator approved for this FHIR server. An address that nobody approved has none,
        however much it looks like another."""
        return None


def public_proof(client_id: str) -> Proof:
    """A public client says who it is, and proves nothing (SMART requirement 72)."""
    return Proof(form={"client_id": client_id})


def basic_proof(client_id: str, secret: str) -> Proof:
    """Both parts are form-encoded first (RFC 6749 §2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return Proof(headers={"authorization": f"Basic {b64encode(pair.encode()).decode()}"})


def post_proof(client_id: str, secret: str) -> Proof:
    """The secret in the form, for servers that take no Basic authentication (RFC 6749 §2.3.1)."""
    return Proof(form={"client_id": client_id, "client_secret": secret})


def assertion_claims(client_id: str, endpoint: str, now: datetime) -> Mapping[str, Any]:
    """The claims of a client assertion (RFC 7523 §3; SMART App Launch 2.2, client authentication). `aud` is one text,
    never a list, so that an assertion for one server is worth nothing at another (S-025)."""
    return {
        "iss": client_id,
        "sub": client_id,
        "aud": endpoint,
        "jti": token_urlsafe(32),
        "iat": int(now.timestamp()),
        "exp": int((now + ASSERTION_LIFE).timestamp()),
    }


def assertion_proof(signed: str) -> Proof:
    """A signed assertion instead of a secret. The client id is in it, and not beside it (SMART requirement 71)."""
    return Proof(form={"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed})
