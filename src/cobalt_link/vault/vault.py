"""Seals values and data keys under the master keys, and hashes what must be found again without being stored.

Follows its keyring file: when the file changes, for instance by `cobalt keys rotate`, the next call uses it.
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
from cobalt_link.vault.errors import CannotOpen, KeyMissing, KeyringProblem
from cobalt_link.vault.keyring import ALGORITHMS, Keyring

log = structlog.get_logger()

Stamp = tuple[int, int, int] | None
_NEVER: Final = (0, 0, 0)


class Vault:
    """Bound to no thread or loop; each process has its own. `path` is the keyring file to follow, if there is one."""

    def __init__(self, keyring: Keyring, path: Path | None = None) -> None:
        self._path = path
        # Not what the file shows now: it may have changed since the caller read it.
        self._stamp: Stamp = _NEVER
        self._refused: Stamp = _NEVER
        self._keys: dict[str, SealingKey] = {}
        self._use(keyring)

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        """Seals a small value under the primary master key."""
        self._follow()
        return self._primary.seal(plaintext, context)

    def open(self, sealed: bytes, context: Context) -> bytes:
        """The plaintext; `CannotOpen` if changed or sealed for another place, `KeyMissing` if its key is gone."""
        kid = key_id(sealed)
        if kid not in self._keys:
            self._follow()
        if kid not in self._keys:
            raise KeyMissing(kid)
        return self._keys[kid].open(sealed, context)

    def rewrap(self, wrapped: bytes, context: Context) -> bytes:
        """The same value under the primary key; unchanged if it is there already."""
        self._follow()
        if key_id(wrapped) == self._primary.id:
            return wrapped
        return self._primary.seal(self.open(wrapped, context), context)

    def new_data_key(self, context: Context, algorithm: int = XAES) -> tuple[DataKey, bytes]:
        """A fresh data key and its wrapped form, the only one that may be stored."""
        secret = bytes((algorithm,)) + os.urandom(KEY_SIZE)
        return DataKey(secret[1:], algorithm), self.seal(secret, context)

    def open_data_key(self, wrapped: bytes, context: Context) -> DataKey:
        secret = self.open(wrapped, context)
        if len(secret) != 1 + KEY_SIZE:
            raise CannotOpen
        return DataKey(secret[1:], secret[0])

    @property
    def primary(self) -> str:
        """The id of the key that seals now."""
        self._follow()
        return self._primary.id

    def fingerprint(self, purpose: str, value: str | bytes, tenant: str = "") -> bytes:
        """32 bytes that find the value again and tell nothing about it: HMAC-SHA-256 under the current hash key.

        Equal values of two purposes or tenants differ (S-062).
        """
        self._follow()
        return _digest(self._peppers[0], purpose, tenant, value)

    def fingerprints(self, purpose: str, value: str | bytes, tenant: str = "") -> list[bytes]:
        """The fingerprint under every hash key, the current one first; for look-ups (`= ANY(...)`)."""
        self._follow()
        return [_digest(pepper, purpose, tenant, value) for pepper in self._peppers]

    def refresh(self) -> None:
        """Reads the keyring file again if it changed; `KeyringProblem` if it cannot be used now."""
        if self._path is not None and (stamp := self._look()) != self._stamp:
            self._use(Keyring.load(self._path))
            self._stamp = stamp

    def _follow(self) -> None:
        if self._path is None or (stamp := self._look()) in (self._stamp, self._refused):
            return
        try:
            self.refresh()
        except KeyringProblem as problem:
            # What is in memory still works; losing service over a file being repaired would help nobody.
            self._refused = stamp
            log.error("keyring_not_followed", reason=str(problem))

    def _look(self) -> Stamp:
        try:
            seen = os.stat(self._path) if self._path else None
        except OSError:
            return None
        return (seen.st_ino, seen.st_ctime_ns, seen.st_size) if seen else None

    def _use(self, keyring: Keyring) -> None:
        # A key that stays keeps its count of uses.
        self._keys = {
            kid: self._keys.get(kid) or SealingKey(key.key, ALGORITHMS[key.algorithm])
            for kid, key in keyring.sealing.items()
        }
        self._primary = self._keys[keyring.primary]
        self._peppers = [key.key for key in keyring.hashing]

    def __repr__(self) -> str:
        return f"Vault(primary={self._primary.id})"


def _digest(pepper: bytes, purpose: str, tenant: str, value: str | bytes) -> bytes:
    return hmac.digest(pepper, _place(purpose, tenant) + _with_length(value), "sha256")


@lru_cache(maxsize=1024)
def _place(purpose: str, tenant: str) -> bytes:
    return _with_length(purpose) + _with_length(tenant)


def _with_length(text: str | bytes) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return len(encoded).to_bytes(4) + encoded
