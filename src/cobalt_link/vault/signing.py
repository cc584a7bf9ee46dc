"""Ed25519 keys that sign what others verify offline: compact JWS with the algorithm `Ed25519` (RFC 9864 §2.2)."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


class SigningKey:
    """`kid` is the thumbprint of the public key (RFC 7638)."""

    def __init__(self, private: bytes) -> None:
        """`private` is the seed of 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.kid = thumbprint(self.public)

    @classmethod
    def new(cls) -> Self:
        key = Ed25519PrivateKey.generate()
        return cls(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))

    @property
    def private(self) -> bytes:
        return self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    def sign(self, payload: bytes, type_: str) -> str:
        """A compact JWS (RFC 7515 §7.1) with the header `typ`."""
        header = json.dumps({"alg": "Ed25519", "kid": self.kid, "typ": type_}, separators=(",", ":"))
        signed = f"{_encoded(header.encode())}.{_encoded(payload)}"
        return f"{signed}.{_encoded(self._key.sign(signed.encode('ascii')))}"


def public_jwk(public: bytes) -> dict[str, Any]:
    """A public key as a JWK (RFC 8037 §2)."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _encoded(public),
        "kid": thumbprint(public),
        "alg": "Ed25519",
        "use": "sig",
    }


def thumbprint(public: bytes) -> str:
    """RFC 7638 §3 with the members that RFC 8037 §2 names."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{_encoded(public)}"}}'
    return _encoded(hashlib.sha256(members.encode("ascii")).digest())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
