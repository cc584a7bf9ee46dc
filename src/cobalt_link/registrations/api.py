"""The key set of each registration, which EHRs read to verify what it signs."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.registrations.registrations import Registrations, as_jwks
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant
from cobalt_link.web.problems import NotFound

routes = Routes("registrations")
# Shorter than a key is published before it signs, so that a cache that honors it never lacks a key (S-026).
CACHE = "public, max-age=300"


class JwkSet(msgspec.Struct):
    """A set of public keys (RFC 7517)."""

    keys: list[dict[str, Any]]


@routes.get(
    "/registrations/{registration}/jwks.json",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(NotFound,),
    summary="The public keys with which an app registration proves itself to its EHR",
)
async def key_set(room: Registrations, call: Call, registration: str) -> JwkSet:
    keys = await room.keys(registration)
    if not keys:
        raise NotFound
    call.response_headers["Cache-Control"] = CACHE
    return JwkSet(as_jwks(keys))
