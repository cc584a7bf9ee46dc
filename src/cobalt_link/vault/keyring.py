"""The master keys of an installation: one primary that seals, older ones that only open, and the hash keys.

Hash keys ("peppers") stay when sealing keys retire: a hashed token cannot be hashed again under another key (S-046).
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from cobalt_link.vault.ciphers import GCM_SIV, KEY_SIZE, NAMES
from cobalt_link.vault.envelope import id_of_key
from cobalt_link.vault.errors import KeyringProblem
from cobalt_link.vault.keyfile import read_private, replace_private

NOTE: Final = "Without this file nothing that was sealed opens again. Keep copies apart from the database's backups."
ALGORITHMS: Final = {name: number for number, name in NAMES.items()}


class Key(msgspec.Struct, frozen=True):
    """One key as the file holds it; `created` is a date, `algorithm` one of `ALGORITHMS` or HMAC-SHA-256."""

    id: str
    created: str
    algorithm: str
    key: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"


class KeyringFile(msgspec.Struct, frozen=True):
    """The file's JSON. The first hash key is the current one."""

    primary: str
    sealing: list[Key]
    hashing: list[Key]
    note: str = NOTE

    def __repr__(self) -> str:
        return f"KeyringFile(primary={self.primary})"


class Keyring:
    """Changing methods change this ring in memory; `save` makes it count."""

    def __init__(self, sealing: Iterable[Key], hashing: Iterable[Key], primary: str) -> None:
        self.sealing = {key.id: key for key in sealing}
        self.hashing = list(hashing)
        self.primary = primary
        self._retired: set[str] = set()

    @classmethod
    def generate(cls) -> "Keyring":
        first = _new_key(NAMES[GCM_SIV])
        return cls([first], [_new_key("HMAC-SHA-256")], first.id)

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Reads and checks the file. `KeyringProblem` names the fix if it is missing, readable by others or broken."""
        return cls.parse(read_private(path), source=str(path))

    @classmethod
    def parse(cls, text: str | bytes, source: str = "The keyring") -> "Keyring":
        """A ring from its text, for instance out of a secret store. `source` names it in errors."""
        try:
            file = msgspec.json.decode(text, type=KeyringFile)
        except msgspec.DecodeError:
            # `from None`: the decoder's own text could quote a piece of a key.
            raise KeyringProblem(f"{source} is not a keyring or is damaged: bring back a copy of it.") from None
        for key in (*file.sealing, *file.hashing):
            _check(key, source)
        ring = cls(file.sealing, file.hashing, file.primary)
        if ring.primary not in ring.sealing or not ring.hashing:
            raise KeyringProblem(f"{source} lacks its primary key or its hash key: bring back a copy of it.")
        return ring

    def dump(self) -> bytes:
        """The file's content. Holds every key in the clear."""
        file = KeyringFile(self.primary, list(self.sealing.values()), self.hashing)
        return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"

    def save(self, path: Path) -> None:
        """Replaces the file (0600) at once and durably. Refuses to drop a key that this ring did not itself retire."""
        replace_private(path, self.dump(), self._check_replaces)

    def rotate(self, algorithm: int = GCM_SIV) -> str:
        """Adds a key and makes it the primary; the former one still opens. Returns the new key's id."""
        kid = self.add(algorithm)
        self.promote(kid)
        return kid

    def add(self, algorithm: int = GCM_SIV) -> str:
        """Adds a key that only opens, for machines with files of their own: spread it, then `promote` it everywhere."""
        key = _new_key(NAMES[algorithm])
        self.sealing[key.id] = key
        return key.id

    def add_hash_key(self) -> str:
        """Adds a hash key used for look-ups only, until `promote`."""
        key = _new_key("HMAC-SHA-256")
        self.hashing.append(key)
        return key.id

    def promote(self, kid: str) -> None:
        """Makes a key of the ring the one that seals, or a hash key the one that hashes."""
        if kid in self.sealing:
            self.primary = kid
            return
        current = [key for key in self.hashing if key.id == kid]
        if not current:
            raise KeyringProblem(f"The keyring holds no key {kid}.")
        self.hashing = current + [key for key in self.hashing if key.id != kid]

    def retire(self, kid: str) -> None:
        """Takes a sealing key out for good. Rewrap what it sealed before: nothing else opens that afterwards."""
        if kid not in self.sealing:
            raise KeyringProblem(f"The keyring holds no sealing key {kid}.")
        if kid == self.primary:
            raise KeyringProblem(f"The key {kid} is the primary one: rotate first, then retire it.")
        del self.sealing[kid]
        self._retired.add(kid)

    def _check_replaces(self, old: bytes) -> None:
        other = Keyring.parse(old)
        kept = {*self.sealing, *self._retired, *(key.id for key in self.hashing)}
        if lost := {*other.sealing, *(key.id for key in other.hashing)} - kept:
            raise KeyringProblem(
                f"The keyring there holds keys that this one would drop ({', '.join(sorted(lost))}): load it again "
                "and repeat the change, or move it away if nothing that it sealed is needed."
            )

    def __repr__(self) -> str:
        return f"Keyring(primary={self.primary}, sealing={list(self.sealing)})"


def _new_key(algorithm: str) -> Key:
    key = os.urandom(KEY_SIZE)
    return Key(id_of_key(key).hex(), datetime.now(UTC).date().isoformat(), algorithm, key)


def _check(key: Key, source: str) -> None:
    if len(key.key) != KEY_SIZE:
        raise KeyringProblem(f"{source}: the key {key.id} has {len(key.key)} bytes instead of {KEY_SIZE}. {_ADVICE}")
    if id_of_key(key.key).hex() != key.id:
        raise KeyringProblem(f"{source}: the key {key.id} is damaged. {_ADVICE}")
    if key.algorithm not in (*ALGORITHMS, "HMAC-SHA-256"):
        raise KeyringProblem(f"{source}: the key {key.id} is for {key.algorithm}, which this version does not know.")


_ADVICE: Final = "Bring back a copy of the keyring."
