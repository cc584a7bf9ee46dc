"""An app registration as the operator sees it, and as connectors get it: it proves itself and shows no secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from cobalt_link.oauth.registration import AppRegistration, AuthMethod, Proof


class RegistrationProblem(Exception):
    """Something that cannot be done with a registration. The text says what to do instead."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the operator's name for it. `client_id` is None until the vendor has given one out. `addresses` are the
    FHIR servers that it is approved for, the first one first. `scopes` are empty for what the connector needs."""

    id: str
    vendor: str
    method: AuthMethod
    client_id: str | None
    addresses: tuple[str, ...]
    scopes: tuple[str, ...]
    schedules: tuple[str, ...]
    created_at: datetime

    @property
    def has_secret(self) -> bool:
        return self.method in ("client_secret_basic", "client_secret_post")

    @property
    def has_keys(self) -> bool:
        return self.method == "private_key_jwt"


class Urls(msgspec.Struct, frozen=True):
    """The addresses of ours that the operator enters at the vendor. `public_url` is the server's."""

    public_url: str

    def callback(self, registration: str) -> str:
        return f"{self.public_url}/oauth/callback/{registration}"

    def jwks(self, registration: str) -> str:
        return f"{self.public_url}/registrations/{registration}/jwks.json"

    @property
    def launch(self) -> str:
        return f"{self.public_url}/launch"


Prove = Callable[[str], Awaitable[Proof]]


class RegisteredApp(AppRegistration):
    """A registration for one FHIR server."""

    def __init__(self, found: Registration, address: str, redirect_uri: str, prove: Prove) -> None:
        self.id = found.id
        self.client_id = found.client_id or ""
        self.redirect_uri = redirect_uri
        self.address = address
        self.method = found.method
        self.scopes = found.scopes
        self.schedules = found.schedules
        self._prove = prove

    async def prove(self, endpoint: str) -> Proof:
        return await self._prove(endpoint)

    def __repr__(self) -> str:
        return f"RegisteredApp({self.id})"
