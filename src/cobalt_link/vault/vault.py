"""Seals values and data keys with the master keys, and makes the fingerprints by which hashed values are found.

When the keyring file changes, for example by `cobalt keys rotate`, the next call uses the new content.
"""

import hmac
import os
from functools import lru_cache
from pathlib import Path
from typing import Final

import structlog

from cobalt_link.vault.ciphers import KEY_SIZE, XAES
from cobalt_link.vault.datakey import DataKey
from cobalt_link.vault.envelope import Context, SealingKey, key_id
from cobalt_link.vault.errors import CannotOpen, KeyMissing, KeyringError
from cobalt_link.vault.keyring import ALGORITHMS, Keyring

log = structlog.get_logger()

Stamp = tuple[int, int, int] | None
_NEVER: Final = (0, 0, 0)  # the stamp of no file


class Vault:
    """One per process, for all threads and event loops. `path` is the keyring file to watch, if there is one."""

    def __init__(self, keyring: Keyring, path: Path | None = None) -> None:
        self._path = path
        # Not the stamp that the file has now: the file may have changed since the caller read it.
        self._stamp: Stamp = _NEVER
        self._refused: Stamp = _NEVER
        self._keys: dict[str, SealingKey] = {}
        self._use(keyring)

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        """Seals a small value with the primary master key."""
        self._reload_if_changed()
        return self._primary.seal(plaintext, context)

    def open(self, sealed: bytes, context: Context) -> bytes:
        """The plaintext. Raises `CannotOpen` for a value that was changed or is of another context, or `KeyMissing`."""
        kid = key_id(sealed)
        # Looks at the file only for an unknown key, which another process may have added.
        if kid not in self._keys:
            self._reload_if_changed()
        if kid not in self._keys:
            raise KeyMissing(kid)
        return self._keys[kid].open(sealed, context)

    def has(self, kid: str) -> bool:
        """Whether the keyring has this sealing key, so that what it sealed can be opened."""
        if kid not in self._keys:
            self._reload_if_changed()
        return kid in self._keys

    def rewrap(self, wrapped: bytes, context: Context) -> bytes:
        """The same value sealed with the primary key. Unchanged if that already sealed it."""
        self._reload_if_changed()
        if key_id(wrapped) == self._primary.id:
            return wrapped
        return self._primary.seal(self.open(wrapped, context), context)

    def new_data_key(self, context: Context, algorithm: int = XAES) -> tuple[DataKey, bytes]:
        """A new data key and its wrapped form. Only the wrapped form may be stored."""
        # The algorithm is sealed along with the key, so nobody can make a data key open with another cipher.
        secret = bytes((algorithm,)) + os.urandom(KEY_SIZE)
        return DataKey(secret[1:], algorithm), self.seal(secret, context)

    def open_data_key(self, wrapped: bytes, context: Context) -> DataKey:
        secret = self.open(wrapped, context)
        if len(secret) != 1 + KEY_SIZE:
            raise CannotOpen
        return DataKey(secret[1:], secret[0])

    @property
    def primary(self) -> str:
        """The id of the key that seals at present."""
        self._reload_if_changed()
        return self._primary.id

    def fingerprint(self, purpose: str, value: str | bytes, tenant: str = "") -> bytes:
        """32 bytes by which a value is found without being stored: HMAC-SHA-256 with the current hash key.

        Equal values have different fingerprints for two purposes or two tenants (S-062).
        """
        self._reload_if_changed()
        return _digest(self._peppers[0], purpose, tenant, value)

    def fingerprints(self, purpose: str, value: str | bytes, tenant: str = "") -> list[bytes]:
        """The fingerprint with every hash key, the current one first. For look-ups with `= ANY(...)`."""
        self._reload_if_changed()
        return [_digest(pepper, purpose, tenant, value) for pepper in self._peppers]

    def refresh(self) -> None:
        """Reads the keyring file again if it changed. Raises `KeyringError` if the file cannot be used."""
        if self._path is not None and (stamp := self._stat_file()) != self._stamp:
            self._use(Keyring.load(self._path))
            self._stamp = stamp

    def _reload_if_changed(self) -> None:
        if self._path is None or (stamp := self._stat_file()) in (self._stamp, self._refused):
            return
        try:
            self.refresh()
        except KeyringError as problem:
            # The keys in memory still work, and stopping while somebody repairs the file would help nobody.
            # The stamp is kept, so that a broken file is logged once and not at every call.
            self._refused = stamp
            log.error("keyring_not_reloaded", reason=str(problem))

    def _stat_file(self) -> Stamp:
        try:
            seen = os.stat(self._path) if self._path else None
        except OSError:
            return None
        # The inode and ctime, because a rename can put a file of the same size and mtime into place.
        return (seen.st_ino, seen.st_ctime_ns, seen.st_size) if seen else None

    def _use(self, keyring: Keyring) -> None:
        # A key that stays keeps its object, and with it the count of its uses.
        self._keys = {
            kid: self._keys.get(kid) or SealingKey(key.key, ALGORITHMS[key.algorithm])
            for kid, key in keyring.sealing.items()
        }
        self._primary = self._keys[keyring.primary]
        self._peppers = [key.key for key in keyring.hashing]

    def __repr__(self) -> str:
        return f"Vault(primary={self._primary.id})"


def _digest(pepper: bytes, purpose: str, tenant: str, value: str | bytes) -> bytes:
    return hmac.digest(pepper, _prefix(purpose, tenant) + _with_length(value), "sha256")


@lru_cache(maxsize=1024)
def _prefix(purpose: str, tenant: str) -> bytes:
    return _with_length(purpose) + _with_length(tenant)


def _with_length(text: str | bytes) -> bytes:
    # surrogatepass: every text has a fingerprint, so a look-up of an odd one finds nothing and does not fail.
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return len(encoded).to_bytes(4) + encoded
