"""The sealed form of a value: algorithm id (1 byte), key id (8 bytes), nonce, ciphertext with tag.

A value opens only with the key, the algorithm and the context (table, tenant, row, field) that it was sealed with
(S-050, S-053). The context is authenticated but not stored.
"""

import hmac
import os
from binascii import crc_hqx
from typing import Final

import msgspec

from cobalt_link.vault.ciphers import CIPHERS, Cipher
from cobalt_link.vault.errors import CannotOpen, KeyExhausted

MAX_USES: Final = 2**32  # messages under one key with random nonces (NIST SP 800-38D, section 8.3)
HEADER_SIZE: Final = 9


class Context(msgspec.Struct, frozen=True):
    """Where a sealed value belongs. `tenant` is the client's id, or empty for values of the installation."""

    table: str
    tenant: str
    row: str
    field: str

    def bound(self, header: bytes) -> bytes:
        """The additional data of the cipher: the header and each part with its length in front."""
        # Without the lengths, ("ab", "c") and ("a", "bc") would be the same bytes.
        parts = (part.encode("utf-8", "surrogatepass") for part in (self.table, self.tenant, self.row, self.field))
        return header + b"".join(len(part).to_bytes(4) + part for part in parts)


class SealingKey:
    """One key for one algorithm. It seals at most `MAX_USES` times in a process."""

    def __init__(self, key: bytes, algorithm: int) -> None:
        self._cipher: Cipher = CIPHERS[algorithm](key)
        self._id = id_of_key(key)
        self._header = bytes((algorithm,)) + self._id
        self.uses = 0

    @property
    def id(self) -> str:
        return self._id.hex()

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        if self.uses >= MAX_USES:
            raise KeyExhausted(self.id)
        self.uses += 1
        nonce = os.urandom(self._cipher.nonce_size)
        return self._header + nonce + self._cipher.encrypt(nonce, plaintext, context.bound(self._header))

    def open(self, sealed: bytes, context: Context) -> bytes:
        # The header is compared here and authenticated too: a changed algorithm id must not choose another cipher.
        body = HEADER_SIZE + self._cipher.nonce_size
        if sealed[:HEADER_SIZE] != self._header:
            raise CannotOpen
        return self._cipher.decrypt(sealed[HEADER_SIZE:body], sealed[body:], context.bound(self._header))

    def __repr__(self) -> str:
        return f"SealingKey({self.id})"


def id_of_key(key: bytes) -> bytes:
    """8 bytes: 6 derived from the key, so that a damaged key is noticed, and their CRC-16.

    By the CRC, a damaged id (`CannotOpen`) differs from the id of a key that is gone (`KeyMissing`).
    """
    derived = hmac.digest(key, b"cobalt-link key id", "sha256")[:6]
    return derived + crc_hqx(derived, 0).to_bytes(2)


def key_id(sealed: bytes) -> str:
    """The id (16 hex digits) of the key that sealed a value. It can be read without a key. Raises `CannotOpen`."""
    kid = bytes(sealed[1:HEADER_SIZE])
    if len(kid) < 8 or crc_hqx(kid[:6], 0).to_bytes(2) != kid[6:]:
        raise CannotOpen
    return kid.hex()
