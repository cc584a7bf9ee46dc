"""The sealed form: algorithm id (1 byte), key id (8), nonce, ciphertext with tag; the context is bound, not stored.

A value opens only with the key, algorithm and place (table, tenant, row, field) it was sealed for (S-050, S-053).
"""

import hmac
import os
from binascii import crc_hqx
from typing import Final

import msgspec

from cobalt_link.vault.ciphers import CIPHERS, TAG_SIZE, Cipher
from cobalt_link.vault.errors import CannotOpen, KeyWornOut

MOST_USES: Final = 2**32
HEADER_SIZE: Final = 9


class Context(msgspec.Struct, frozen=True):
    """The place a value is sealed for. `tenant` is the client id, or empty for what belongs to the installation."""

    table: str
    tenant: str
    row: str
    field: str

    def bound(self, header: bytes) -> bytes:
        """The additional data: each part with its length in front, so that no two places read alike."""
        parts = (part.encode("utf-8", "surrogatepass") for part in (self.table, self.tenant, self.row, self.field))
        return header + b"".join(len(part).to_bytes(4) + part for part in parts)


class SealingKey:
    """One key under one algorithm; seals at most `MOST_USES` times in a process."""

    def __init__(self, key: bytes, algorithm: int) -> None:
        self._cipher: Cipher = CIPHERS[algorithm](key)
        self._id = id_of_key(key)
        self._header = bytes((algorithm,)) + self._id
        self.uses = 0

    @property
    def id(self) -> str:
        return self._id.hex()

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        if self.uses >= MOST_USES:
            raise KeyWornOut(self.id)
        self.uses += 1
        nonce = os.urandom(self._cipher.nonce_size)
        return self._header + nonce + self._cipher.encrypt(nonce, plaintext, context.bound(self._header))

    def open(self, sealed: bytes, context: Context) -> bytes:
        body = HEADER_SIZE + self._cipher.nonce_size
        if sealed[:HEADER_SIZE] != self._header or len(sealed) < body + TAG_SIZE:
            raise CannotOpen
        return self._cipher.decrypt(sealed[HEADER_SIZE:body], sealed[body:], context.bound(self._header))

    def __repr__(self) -> str:
        return f"SealingKey({self.id})"


def id_of_key(key: bytes) -> bytes:
    """8 bytes: 6 derived from the key, so that a damaged key is noticed, and their CRC-16.

    The CRC tells a damaged id (`CannotOpen`) from the id of a key that is gone (`KeyMissing`).
    """
    derived = hmac.digest(key, b"cobalt-link key id", "sha256")[:6]
    return derived + crc_hqx(derived, 0).to_bytes(2)


def key_id(sealed: bytes) -> str:
    """The id (16 hex digits) of the key that sealed this, readable without any key."""
    kid = bytes(sealed[1:HEADER_SIZE])
    if len(kid) < 8 or crc_hqx(kid[:6], 0).to_bytes(2) != kid[6:]:
        raise CannotOpen
    return kid.hex()
