"""Authenticates requests: gives the client of a client_id and client_secret, or raises Unauthorized.

Wrong, missing, unknown, and disabled look the same to a caller. Every process refuses a revoked secret within a second
(S-008, S-128), and most requests need no round trip to the database.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes

from cobalt_link.developers.clients import PURPOSE, Client, Clients, Known
from cobalt_link.developers.short_cache import MOST, ShortCache
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.store.database import Database
from cobalt_link.vault import Vault
from cobalt_link.web.credentials import CallerCredentials
from cobalt_link.web.problems import Unauthorized

NOBODY = bytes(32)


class Callers:
    """Bound to one process. What it has read is used for less than a second."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._known = ShortCache(Clients(db, vault, clock).known)
        self._prints: dict[bytes, list[bytes]] = {}
        self._of_this_process = token_bytes(32)

    async def authenticate(self, credentials: CallerCredentials) -> Client:
        """Raises Unauthorized."""
        name, secret = credentials.client_id or "", credentials.client_secret or ""
        # A hash, so that no secret stays in memory as a key of the cache.
        pair = blake2b(f"{name}\0{secret}".encode("utf-8", "surrogatepass"), key=self._of_this_process).digest()
        prints = self._prints.get(pair) or self._fingerprints(name, secret)
        asked_at = self._known.now()
        known = await self._known(name)
        if not self._matches(known, prints):
            # The secret may be newer than the cache: an app may use a rotated secret immediately (S-008).
            known = await self._known.since(name, asked_at)
            if not self._matches(known, prints):
                raise Unauthorized
        assert known is not None
        self._keep(pair, prints)
        return known.client

    def _fingerprints(self, name: str, secret: str) -> list[bytes]:
        # Tokens have a checksum, so invented ones are refused here without asking the database (S-045).
        if not (tokens.well_formed(name, tokens.CLIENT_ID) and tokens.well_formed(secret, tokens.CLIENT_SECRET)):
            raise Unauthorized
        return self._vault.fingerprints(PURPOSE, secret)

    def _keep(self, pair: bytes, prints: list[bytes]) -> None:
        """Saves the hashing next time. Whether the secret is still valid is checked each time."""
        if len(self._prints) >= MOST:
            self._prints.clear()
        self._prints[pair] = prints

    def _matches(self, known: Known | None, asked: list[bytes]) -> bool:
        now = self._clock.now()
        live = [stored for stored, ends in known.secrets if ends is None or ends > now] if known else []
        # All pairs are compared, and a stand-in if there is none. So the time shows neither which secret matched nor
        # whether the client exists (S-048).
        return sum(compare_digest(stored, each) for stored in live or [NOBODY] for each in asked) > 0
