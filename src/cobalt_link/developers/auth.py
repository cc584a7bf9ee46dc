"""Who is calling: the client behind client_id and client_secret, or one Unauthorized for everything else.

Wrong, missing, unknown and disabled look the same; a revoked secret is refused within a second on every process
(S-008, S-128), and in between no round trip is needed.
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
    """Bound to one process: what it read lives for less than a second."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._known = ShortCache(Clients(db, vault, clock).known)
        self._prints: dict[bytes, list[bytes]] = {}
        self._of_this_process = token_bytes(32)

    async def authenticate(self, credentials: CallerCredentials) -> Client:
        """The client, or Unauthorized."""
        name, secret = credentials.client_id or "", credentials.client_secret or ""
        pair = blake2b(f"{name}\0{secret}".encode("utf-8", "surrogatepass"), key=self._of_this_process).digest()
        prints = self._prints.get(pair) or self._fingerprints(name, secret)
        asked_at = self._known.now()
        known = await self._known(name)
        if not self._matches(known, prints):
            # It may be newer than what we remember: an app may use a rotated secret at once (S-008).
            known = await self._known.since(name, asked_at)
            if not self._matches(known, prints):
                raise Unauthorized
        assert known is not None
        self._keep(pair, prints)
        return known.client

    def _fingerprints(self, name: str, secret: str) -> list[bytes]:
        # Made-up ones end here, before they cost a look into the database (S-045).
        if not (tokens.well_formed(name, tokens.CLIENT_ID) and tokens.well_formed(secret, tokens.CLIENT_SECRET)):
            raise Unauthorized
        return self._vault.fingerprints(PURPOSE, secret)

    def _keep(self, pair: bytes, prints: list[bytes]) -> None:
        """Only the hashing is saved next time; whether the secret still counts is asked again."""
        if len(self._prints) >= MOST:
            self._prints.clear()
        self._prints[pair] = prints

    def _matches(self, known: Known | None, asked: list[bytes]) -> bool:
        now = self._clock.now()
        live = [stored for stored, ends in known.secrets if ends is None or ends > now] if known else []
        # All pairs, and a stand-in when there is none: the time tells neither which one nor whether any (S-048).
        return sum(compare_digest(stored, each) for stored in live or [NOBODY] for each in asked) > 0
