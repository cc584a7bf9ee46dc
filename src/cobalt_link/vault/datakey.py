"""A data key seals what belongs to one owner. Destroying the key destroys all of it at once (S-064)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from cobalt_link.vault.ciphers import CIPHERS, KEY_SIZE, XAES
from cobalt_link.vault.envelope import Context, SealingKey
from cobalt_link.vault.errors import CannotOpen


class DataKey:
    """32 random bytes for one algorithm. Only the wrapped form is ever stored."""

    def __init__(self, secret: bytes, algorithm: int = XAES) -> None:
        # Both values come out of an opened envelope. A later version may know algorithms that this one does not.
        if algorithm not in CIPHERS or len(secret) != KEY_SIZE:
            raise CannotOpen
        self._secret = secret
        self._key = SealingKey(secret, algorithm)

    @property
    def id(self) -> str:
        """16 hex digits. Every envelope that this key sealed contains it."""
        return self._key.id

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        return self._key.seal(plaintext, context)

    def open(self, sealed: bytes, context: Context) -> bytes:
        """The plaintext. Raises `CannotOpen` for a value that was changed or is of another context or key."""
        return self._key.open(sealed, context)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another use, such as keyed ids: HKDF-Expand with SHA-256, RFC 5869 §2.3."""
        # Without the extract step: the secret is already uniformly random (RFC 5869 §3.3).
        return HKDFExpand(SHA256(), 32, b"cobalt-link derive " + purpose.encode()).derive(self._secret)

    def __repr__(self) -> str:
        return f"DataKey({self.id})"
