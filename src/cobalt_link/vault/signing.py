"""Ed25519 keys (RFC 8032), which sign what others verify. As compact JWS the algorithm is `Ed25519` (RFC 9864 §2.2)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from functools import cached_property
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_SIZE: Final = 32


class SigningKey:
    """`kid` is the thumbprint of the public key (RFC 7638)."""

    def __init__(self, private: bytes) -> None:
        """`private` is the seed of 32 bytes."""
        self.private = private
        self._key = Ed25519PrivateKey.from_private_bytes(private)

    @classmethod
    def new(cls) -> Self:
        return cls(os.urandom(SEED_SIZE))

    @cached_property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    @cached_property
    def kid(self) -> str:
        return thumbprint(self.public)

    def signature(self, signed: bytes) -> bytes:
        return self._key.sign(signed)

    def sign(self, payload: bytes, type_: str) -> str:
        """A compact JWS (RFC 7515 §7.1) with the header `typ`."""
        header = json.dumps({"alg": "Ed25519", "kid": self.kid, "typ": type_}, separators=(",", ":"))
        signed = f"{base64url(header.encode())}.{base64url(payload)}"
        return f"{signed}.{base64url(self.signature(signed.encode('ascii')))}"


def public_jwk(public: bytes) -> dict[str, Any]:
    """A public key as a JWK (RFC 8037 §2)."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64url(public),
        "kid": thumbprint(public),
        "alg": "Ed25519",
        "use": "sig",
    }


def thumbprint(public: bytes) -> str:
    """RFC 7638 §3 with the members that RFC 8037 §2 names."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(public)}"}}'
    return base64url(hashlib.sha256(members.encode("ascii")).digest())


def base64url(value: bytes) -> str:
    """Without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
