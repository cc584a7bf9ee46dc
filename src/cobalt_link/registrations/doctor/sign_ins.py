"""The sign-ins that an operator makes to test a registration: from the command line, by a browser, to the server.

The command makes a `state` and waits. The server, which gets the EHR's answer at the callback address, keeps it sealed
until the command takes it. Both need the same database and vault, and nothing else of each other.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from secrets import token_urlsafe
from typing import Final, LiteralString

import msgspec

from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.connector.secrets import for_sealing, from_sealed
from cobalt_link.kit.clock import Clock
from cobalt_link.registrations.registrations import owner
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import Context, Vault

STATE: Final = "registration sign-in"
LIFE: Final = timedelta(minutes=15)
PAUSE: Final = 0.5  # seconds between two looks

BEGIN: LiteralString = "INSERT INTO registration_sign_ins (state, registration, at) VALUES (%s, %s, %s)"
KNOWN: LiteralString = """
SELECT state FROM registration_sign_ins
WHERE state = ANY (%s) AND registration = %s AND sealed_answer IS NULL AND at > %s"""
ANSWER: LiteralString = """
UPDATE registration_sign_ins SET sealed_answer = %s WHERE state = %s AND sealed_answer IS NULL"""
ANSWERED: LiteralString = "SELECT sealed_answer FROM registration_sign_ins WHERE state = %s"
END: LiteralString = "DELETE FROM registration_sign_ins WHERE state = %s"
PRUNE: LiteralString = "DELETE FROM registration_sign_ins WHERE at < %s"


class TrialSignIns:
    """The table `registration_sign_ins`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._data_keys = DataKeys(db, vault)

    async def begin(self, registration: str) -> str:
        """The `state` to put into the authorization request: 256 random bits, for one answer."""
        state = token_urlsafe(32)
        row = (self._vault.fingerprint(STATE, state), registration, self._clock.now())
        await self._db.run(BEGIN, row)
        return state

    async def take(self, registration: str, state: str, answer: RedirectAnswer) -> bool:
        """Keeps an answer for the command that waits for it. False if none waits, or another registration does."""
        given = (self._vault.fingerprints(STATE, state), registration, self._clock.now() - LIFE)
        row = await self._db.one(KNOWN, given) if state else None
        key = await self._data_keys.get(owner(registration)) if row else None
        if row is None or key is None:
            return False
        sealed = key.seal(msgspec.json.encode(answer, enc_hook=for_sealing), answer_context(registration, row["state"]))
        return await self._db.run(ANSWER, (sealed, row["state"])) == 1

    async def answered(self, registration: str, state: str, seconds: float) -> RedirectAnswer | None:
        """Waits for the answer, and takes it away. None if nobody came back in time."""
        name, end = self._vault.fingerprint(STATE, state), asyncio.get_running_loop().time() + seconds
        try:
            while asyncio.get_running_loop().time() < end:
                row = await self._db.one(ANSWERED, (name,))
                if row is None:
                    return None
                if row["sealed_answer"] is not None:
                    return await self._opened(registration, name, row["sealed_answer"])
                await asyncio.sleep(PAUSE)
            return None
        finally:
            await self._db.run(END, (name,))

    async def prune(self) -> None:
        await self._db.run(PRUNE, (self._clock.now() - LIFE,))

    async def _opened(self, registration: str, name: bytes, sealed: bytes) -> RedirectAnswer | None:
        key = await self._data_keys.get(owner(registration))
        if key is None:
            return None
        plain = key.open(sealed, answer_context(registration, name))
        return msgspec.json.decode(plain, type=RedirectAnswer, dec_hook=from_sealed)


def answer_context(registration: str, state: bytes) -> Context:
    return Context("registration_sign_ins", "", f"{registration}/{state.hex()}", "answer")
