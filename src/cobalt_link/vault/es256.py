"""ECDSA on P-256 with SHA-256: compact JWS as `ES256` (RFC 7518 §3.4), and the check of a signature in DER."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from cobalt_link.vault.signing import base64url

SIZE: Final = 32  # bytes of a private key, a coordinate, and each half of a signature
_ALGORITHM: Final = ec.ECDSA(SHA256())


class Es256Key:
    """`private` is the number of RFC 7518 §6.2.2.1 in 32 bytes. `kid` is the thumbprint of the public key."""

    def __init__(self, private: bytes) -> None:
        self.private = private
        self._key = ec.derive_private_key(int.from_bytes(private), ec.SECP256R1())

    @classmethod
    def new(cls) -> Self:
        return cls(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(SIZE))

    @cached_property
    def public(self) -> bytes:
        """The point, uncompressed: 4 and both coordinates."""
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @cached_property
    def kid(self) -> str:
        return public_jwk(self.public)["kid"]

    def sign(self, payload: bytes) -> str:
        """A compact JWS (RFC 7515 §7.1) whose payload is a JWT's."""
        header = json.dumps({"alg": "ES256", "kid": self.kid, "typ": "JWT"}, separators=(",", ":"))
        signed = f"{base64url(header.encode())}.{base64url(payload)}"
        numbers = decode_dss_signature(self._key.sign(signed.encode("ascii"), _ALGORITHM))
        return f"{signed}.{base64url(b''.join(each.to_bytes(SIZE) for each in numbers))}"


def public_jwk(public: bytes) -> dict[str, Any]:
    """A public point as a JWK (RFC 7518 §6.2.1), with its thumbprint (RFC 7638 §3.2)."""
    x, y = base64url(public[1 : 1 + SIZE]), base64url(public[1 + SIZE :])
    members = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    kid = base64url(hashlib.sha256(members.encode("ascii")).digest())
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "alg": "ES256", "use": "sig"}


def signed_by(pem: str, signature: bytes, signed: bytes) -> bool:
    """Whether the key in PEM made a signature in DER. Raises ValueError if this is no key on P-256."""
    try:
        key = load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm:
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("This is no key on P-256.")
    try:
        key.verify(signature, signed, _ALGORITHM)
    except InvalidSignature:
        return False
    return True
