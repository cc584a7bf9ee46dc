"""Random values of an authorization request, and the proof key (RFC 7636). Only the method S256 is ever used."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from secrets import token_urlsafe


def new_verifier() -> str:
    """A code verifier of 256 random bits, in 43 characters (RFC 7636 §4.1)."""
    return token_urlsafe(32)


def new_nonce() -> str:
    """256 random bits that the id token must repeat (OpenID Connect Core, section 3.1.2.1)."""
    return token_urlsafe(32)


def challenge(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()
