"""Signatures that anybody can check and only the holder of the seed can make: Ed25519, RFC 8032."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_SIZE: Final = 32


def sign(seed: bytes, message: bytes) -> bytes:
    """64 bytes. The same message always has the same signature."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def public_key(seed: bytes) -> bytes:
    """32 raw bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
