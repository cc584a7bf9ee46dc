"""Receipts' signatures: the vector of the RFC, and the ten lines with which anybody verifies them."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cobalt_link.vault.signing import SigningKey, public_jwk

# RFC 8037 appendix A.
SEED = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(jws: str, keys: list[dict[str, str]]) -> bytes:
    header, payload, signature = jws.split(".")
    kid = json.loads(decoded(header))["kid"]
    key = next(each for each in keys if each["kid"] == kid)
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), f"{header}.{payload}".encode())
    return decoded(payload)


def test_a_key_is_the_one_of_the_rfc() -> None:
    key = SigningKey(decoded(SEED))
    assert key.kid == THUMBPRINT
    assert public_jwk(key.public)["x"] == PUBLIC


def test_what_is_signed_is_verified_and_nothing_else_is() -> None:
    key = SigningKey.new()
    jws = SigningKey(key.private).sign(b'{"job":1}', "cobalt-receipt+jws")
    assert verify(jws, [public_jwk(key.public)]) == b'{"job":1}'
    header, _, signature = jws.split(".")
    assert json.loads(decoded(header)) == {"alg": "Ed25519", "kid": key.kid, "typ": "cobalt-receipt+jws"}
    other = base64.urlsafe_b64encode(b'{"job":2}').decode().rstrip("=")
    with pytest.raises(InvalidSignature):
        verify(f"{header}.{other}.{signature}", [public_jwk(key.public)])
