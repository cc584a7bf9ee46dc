"""Sealing to a public key, so that whoever seals cannot open: HPKE base mode, RFC 9180.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. There is no additional data. Put the context into `info`.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from cobalt_link.vault.errors import CannotOpen

SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
ALGORITHM: Final = b"\x11"  # the first byte of a sealed value, so that another suite can follow (S-063)


def new_pair() -> tuple[bytes, bytes]:
    """A private key and its public key, 32 raw bytes each."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def seal_to(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Seals for the holder of the private key. The result is 49 bytes longer than the plaintext."""
    # 1 for the algorithm, 32 for the ephemeral public key, 16 for the tag. Each call makes a new ephemeral key.
    return ALGORITHM + SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info)


def open_with(private: bytes, sealed: bytes, info: bytes) -> bytes:
    """The plaintext that was sealed to this pair with the same `info`. Raises `CannotOpen`."""
    if sealed[:1] != ALGORITHM:
        raise CannotOpen
    try:
        return SUITE.decrypt(sealed[1:], X25519PrivateKey.from_private_bytes(private), info)
    except (InvalidTag, ValueError):
        raise CannotOpen from None
