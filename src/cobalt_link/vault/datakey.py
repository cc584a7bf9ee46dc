"""A data key: seals what belongs to one owner, so that destroying it destroys all of that at once (S-064)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from cobalt_link.vault.ciphers import CIPHERS, KEY_SIZE, XAES
from cobalt_link.vault.envelope import Context, SealingKey
from cobalt_link.vault.errors import CannotOpen


class DataKey:
    """32 random bytes under one algorithm. Never stored but in its wrapped form."""

    def __init__(self, secret: bytes, algorithm: int = XAES) -> None:
        if algorithm not in CIPHERS or len(secret) != KEY_SIZE:
            raise CannotOpen
        self._secret = secret
        self._key = SealingKey(secret, algorithm)

    @property
    def id(self) -> str:
        """16 hex digits; also stands in the envelope of what this key sealed."""
        return self._key.id

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        return self._key.seal(plaintext, context)

    def open(self, sealed: bytes, context: Context) -> bytes:
        """The plaintext; `CannotOpen` if changed, sealed for another place or by another key."""
        return self._key.open(sealed, context)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another use, such as keyed ids: HKDF-Expand-SHA-256, RFC 5869 §2.3."""
        return HKDFExpand(SHA256(), 32, b"cobalt-link derive " + purpose.encode()).derive(self._secret)

    def __repr__(self) -> str:
        return f"DataKey({self.id})"
