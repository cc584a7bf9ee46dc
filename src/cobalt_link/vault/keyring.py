"""The master keys of an installation: one primary key that seals, older keys that only open, and the hash keys.

Hash keys ("peppers") stay when sealing keys retire: a hashed token cannot be hashed again with another key (S-046).
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from cobalt_link.vault.ciphers import GCM_SIV, KEY_SIZE, NAMES
from cobalt_link.vault.envelope import id_of_key
from cobalt_link.vault.errors import KeyringError
from cobalt_link.vault.keyfile import read_private, replace_private

NOTE: Final = "Without this file, sealed data is lost. Keep copies of it apart from the database's backups."
ALGORITHMS: Final = {name: number for number, name in NAMES.items()}


class Key(msgspec.Struct, frozen=True):
    """One key of the file. `created` is a date. `algorithm` is one of `ALGORITHMS`, or HMAC-SHA-256."""

    id: str
    created: str
    algorithm: str
    key: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"


class KeyringFile(msgspec.Struct, frozen=True):
    """The JSON of the file. The first hash key is the current one."""

    primary: str
    sealing: list[Key]
    hashing: list[Key]
    note: str = NOTE

    def __repr__(self) -> str:
        return f"KeyringFile(primary={self.primary})"


class Keyring:
    """The keys in memory. Changes take effect for others with `save`."""

    def __init__(self, sealing: Iterable[Key], hashing: Iterable[Key], primary: str) -> None:
        self.sealing = {key.id: key for key in sealing}
        self.hashing = list(hashing)
        self.primary = primary
        # By id, so that `save` can tell a key that was retired on purpose from one that it would lose.
        self._retired: set[str] = set()

    @classmethod
    def generate(cls) -> "Keyring":
        first = _new_key(NAMES[GCM_SIV])
        return cls([first], [_new_key("HMAC-SHA-256")], first.id)

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Reads and checks the file. Raises `KeyringError` if it is missing, damaged, or readable by others."""
        return cls.parse(read_private(path), source=str(path))

    @classmethod
    def parse(cls, text: str | bytes, source: str = "The keyring") -> "Keyring":
        """A keyring from its text, for example from a secret store. `source` names it in errors."""
        try:
            file = msgspec.json.decode(text, type=KeyringFile)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # `from None`: the decoder's own text could quote a piece of a key.
            raise KeyringError(f"{source} is damaged or is not a keyring. Restore a copy of it.") from None
        for key in (*file.sealing, *file.hashing):
            _check(key, source)
        ring = cls(file.sealing, file.hashing, file.primary)
        if ring.primary not in ring.sealing or not ring.hashing:
            raise KeyringError(f"{source} has no primary key or no hash key. Restore a copy of it.")
        return ring

    def dump(self) -> bytes:
        """The content of the file. It contains every key in the clear."""
        file = KeyringFile(self.primary, list(self.sealing.values()), self.hashing)
        return msgspec.json.format(msgspec.json.encode(file)) + b"\n"

    def save(self, path: Path) -> None:
        """Replaces the file (mode 0600) durably. Refuses to drop a key that was not retired here."""
        replace_private(path, self.dump(), self._check_replaces)

    def rotate(self, algorithm: int = GCM_SIV) -> str:
        """Adds a key and makes it the primary. The former primary still opens. Returns the id of the new key."""
        kid = self.add(algorithm)
        self.promote(kid)
        return kid

    def add(self, algorithm: int = GCM_SIV) -> str:
        """Adds a key that only opens. Machines with files of their own need it everywhere before it is promoted."""
        key = _new_key(NAMES[algorithm])
        self.sealing[key.id] = key
        return key.id

    def add_hash_key(self) -> str:
        """Adds a hash key that serves only look-ups until `promote`."""
        key = _new_key("HMAC-SHA-256")
        self.hashing.append(key)
        return key.id

    def promote(self, kid: str) -> None:
        """Makes a sealing key the primary, or a hash key the current one."""
        if kid in self.sealing:
            self.primary = kid
            return
        current = [key for key in self.hashing if key.id == kid]
        if not current:
            raise KeyringError(f"The keyring has no key {kid}. `cobalt keys list` shows its keys.")
        self.hashing = current + [key for key in self.hashing if key.id != kid]

    def retire(self, kid: str) -> None:
        """Removes a sealing key. Rewrap what it sealed first, because nothing opens that afterwards."""
        if kid not in self.sealing:
            raise KeyringError(f"The keyring has no sealing key {kid}. `cobalt keys list` shows its keys.")
        if kid == self.primary:
            raise KeyringError(f"The key {kid} is the primary key. Rotate first, then retire it.")
        del self.sealing[kid]
        self._retired.add(kid)

    def _check_replaces(self, old: bytes) -> None:
        other = Keyring.parse(old)
        kept = {*self.sealing, *self._retired, *(key.id for key in self.hashing)}
        if lost := {*other.sealing, *(key.id for key in other.hashing)} - kept:
            raise KeyringError(
                f"The file has keys that this change would drop ({', '.join(sorted(lost))}). Load it again and repeat "
                "the change. If nothing that they sealed is needed, move the file away."
            )

    def __repr__(self) -> str:
        return f"Keyring(primary={self.primary}, sealing={list(self.sealing)})"


def _new_key(algorithm: str) -> Key:
    key = os.urandom(KEY_SIZE)
    return Key(id_of_key(key).hex(), datetime.now(UTC).date().isoformat(), algorithm, key)


def _check(key: Key, source: str) -> None:
    if len(key.key) != KEY_SIZE:
        raise KeyringError(f"{source}: the key {key.id} has {len(key.key)} bytes instead of {KEY_SIZE}. {_RESTORE}")
    if id_of_key(key.key).hex() != key.id:
        raise KeyringError(f"{source}: the key {key.id} is damaged. {_RESTORE}")
    if key.algorithm not in (*ALGORITHMS, "HMAC-SHA-256"):
        raise KeyringError(
            f"{source}: the key {key.id} is for {key.algorithm}, which this version does not know. "
            "Start the version that added it, or a newer one."
        )


_RESTORE: Final = "Restore a copy of the keyring."
