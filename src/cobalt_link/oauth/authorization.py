"""The authorization request: the address that a browser goes to (SMART App Launch 2.2; RFC 6749 §4.1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

import msgspec

from cobalt_link.oauth import pkce
from cobalt_link.oauth.discovery import SmartConfiguration
from cobalt_link.oauth.registration import AppRegistration


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`url` has everything but `state`, which is made when a browser goes there. The others are kept for the answer:
    the code goes to `token_endpoint` and to no other (S-022)."""

    url: str
    verifier: str
    nonce: str
    issuer: str | None
    token_endpoint: str


def authorization_request(
    server: SmartConfiguration,
    app: AppRegistration,
    *,
    scopes: Iterable[str],
    audience: str,
    launch: str | None = None,
) -> AuthorizationRequest:
    """`audience` is the FHIR server's address exactly as its users know it: some servers compare it with theirs.
    `launch` is what an EHR launch came with. S256 is sent even where the server does not name it (S-020)."""
    verifier, nonce, asked = pkce.new_verifier(), pkce.new_nonce(), " ".join(dict.fromkeys(scopes))
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "scope": asked,
        "aud": audience,
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        **({"nonce": nonce} if "openid" in asked.split() else {}),
        **({"launch": launch} if launch else {}),
    }
    separator = "&" if urlsplit(server.authorization_endpoint).query else "?"
    return AuthorizationRequest(
        url=f"{server.authorization_endpoint}{separator}{urlencode(query)}",
        verifier=verifier,
        nonce=nonce,
        issuer=server.issuer,
        token_endpoint=server.token_endpoint,
    )
