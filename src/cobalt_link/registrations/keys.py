"""The signing keys of registrations, one registration's apart from another's (S-025), and their roll-over.

A new key is published at once and signs a day later, when EHRs have read it. The former one stays published for another
day, so that no assertion under way fails. Then it is erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, LiteralString, TypeAlias

import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from psycopg.types.json import Jsonb

from cobalt_link.store.database import Database, Tx
from cobalt_link.vault import Context, DataKey

Algorithm: TypeAlias = Literal["RS384", "ES384", "ES256"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS384", "ES384", "ES256")
CURVES: Final = {"ES384": "P-384", "ES256": "P-256"}
RSA_BITS: Final = 2048
# EHRs keep what they read for longer than `Cache-Control` says, and some read it once a day.
SETTLES: Final = timedelta(days=1)
STAYS: Final = timedelta(days=1)

OF: LiteralString = """
SELECT kid, registration, algorithm, public, sealed_private, created_at, used_from FROM registration_keys
WHERE registration = %s ORDER BY used_from, kid"""
ADD: LiteralString = """
INSERT INTO registration_keys (kid, registration, algorithm, public, sealed_private, created_at, used_from)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""
DROP: LiteralString = "DELETE FROM registration_keys WHERE registration = %s AND kid <> %s"
DROP_ALL: LiteralString = "DELETE FROM registration_keys WHERE registration = %s"
DROP_OLD: LiteralString = """
DELETE FROM registration_keys k WHERE EXISTS (
    SELECT FROM registration_keys n
    WHERE n.registration = k.registration AND n.used_from > k.used_from AND n.used_from <= %s)"""


class RegistrationKey(msgspec.Struct, frozen=True, kw_only=True):
    """`public` is the JWK (RFC 7517) that EHRs read."""

    kid: str
    registration: str
    algorithm: Algorithm
    public: dict[str, Any]
    sealed_private: bytes
    created_at: datetime
    used_from: datetime


class RegistrationKeys:
    """The table `registration_keys`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, registration: str, now: datetime) -> list[RegistrationKey]:
        """The published keys, the one that signs longest ago first."""
        rows = await self._db.rows(OF, (registration,))
        return published([msgspec.convert(row, RegistrationKey) for row in rows], now)

    async def add(
        self, tx: Tx, seal: DataKey, registration: str, algorithm: Algorithm, moments: tuple[datetime, datetime]
    ) -> str:
        """Makes a key. `moments` are now, and when it begins to sign. Returns its id, its thumbprint (RFC 7638)."""
        key = _new(algorithm)
        kid, private = key.thumbprint(), msgspec.json.encode(key.as_dict(private=True))
        sealed = seal.seal(private, private_context(registration, kid))
        public = Jsonb(key.as_dict(private=False))
        await tx.execute(ADD, (kid, registration, algorithm, public, sealed, *moments))
        return kid

    async def drop_others(self, tx: Tx, registration: str, kid: str) -> None:
        await tx.execute(DROP, (registration, kid))

    async def drop_all(self, tx: Tx, registration: str) -> None:
        await tx.execute(DROP_ALL, (registration,))

    async def prune(self, now: datetime) -> None:
        """Erases the keys that are no longer published."""
        await self._db.run(DROP_OLD, (now - STAYS,))


def published(keys: list[RegistrationKey], now: datetime) -> list[RegistrationKey]:
    """Without those that another one replaced long enough ago."""
    return [each for each in keys if not any(each.used_from < other.used_from <= now - STAYS for other in keys)]


def signer(keys: list[RegistrationKey], now: datetime) -> RegistrationKey | None:
    """The key that signs now: the newest one that EHRs have had time to read."""
    ready = [each for each in keys if each.used_from <= now]
    return max(ready, key=lambda each: each.used_from) if ready else None


def upcoming(keys: list[RegistrationKey], now: datetime) -> RegistrationKey | None:
    """The key that is published and does not sign yet."""
    return next((each for each in keys if each.used_from > now), None)


def assertion(key: RegistrationKey, seal: DataKey, claims: Mapping[str, Any]) -> str:
    """The claims as a JWT, signed (SMART App Launch 2.2, requirements 320 to 332)."""
    private = msgspec.json.decode(seal.open(key.sealed_private, private_context(key.registration, key.kid)))
    kind = RSAKey if key.algorithm == "RS384" else ECKey
    header = {"typ": "JWT", "alg": key.algorithm, "kid": key.kid}
    return jwt.encode(header, dict(claims), kind.import_key(private), algorithms=[key.algorithm])


def private_context(registration: str, kid: str) -> Context:
    return Context("registration_keys", "", f"{registration}/{kid}", "private")


def _new(algorithm: Algorithm) -> RSAKey | ECKey:
    options = {"use": "sig", "alg": algorithm}
    if algorithm == "RS384":
        return RSAKey.generate_key(RSA_BITS, options, auto_kid=True)
    return ECKey.generate_key(CURVES[algorithm], options, auto_kid=True)
