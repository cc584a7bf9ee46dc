"""The exchange of a public token for the access token: once for ever, also in a race, after a crash, or asked twice.

The link session's row is what is won; with an Idempotency-Key the answer is kept, sealed, for a day, so that a lost
response loses nothing (S-010, S-011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec
from psycopg.errors import UniqueViolation

from cobalt_link.accounts.access import ISSUE, AccessTokens
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.link.session import events, sessions
from cobalt_link.link.session.tokens import ERASE, PUBLIC, sealed_token_context
from cobalt_link.store.database import Database, Row, Tx, as_json
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import Context, Vault
from cobalt_link.web.problems import Problem

KEPT = timedelta(hours=24)


class InvalidPublicToken(Problem):
    """This public_token is unknown, used or older than 30 minutes. Each can be exchanged once: open Link again, and \
exchange the new one as soon as it arrives."""

    code = "invalid_public_token"
    status = 400


class KeyReused(Problem):
    """This Idempotency-Key came with another public_token before. Use a new key for every new request."""

    code = "idempotency_key_reused"
    status = 422


Key = tuple[str, bytes]  # a client, and the hash of its Idempotency-Key or of its token


class ExchangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `access_token` is given out if it wins; `key_hash` is of its Idempotency-Key."""

    client: str
    hashes: list[bytes]
    access_token: str
    access_hash: bytes
    key_hash: bytes | None

    @property
    def key(self) -> Key | None:
        return (self.client, self.key_hash) if self.key_hash else None


Answer = str | type[Problem]
Won = Mapping[int, Row]  # what was won, by the number of the wish


class Exchanges:
    """All SQL of the exchange, and on the table `exchanges`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, access: AccessTokens) -> None:
        self._vault = vault
        self._clock = clock
        self._access = access
        self._plain = Grouped(db, self._write_plain, single=True)
        self._keyed = Grouped(db, self._write)

    async def __call__(self, client: str, env: str, token: str, key: str | None) -> str:
        """The access token. Raises InvalidPublicToken, also for another client's, or KeyReused."""
        if not tokens.well_formed(token, tokens.PUBLIC):
            raise InvalidPublicToken
        answer = await (self._keyed if key else self._plain)(self._wish(client, env, token, key))
        if isinstance(answer, str):
            return answer
        raise answer

    async def prune(self, tx: Tx, now: datetime) -> None:
        await tx.execute("DELETE FROM exchanges WHERE expires_at <= %s", (now,))

    def _wish(self, client: str, env: str, token: str, key: str | None) -> ExchangeRequest:
        access_token = tokens.mint(tokens.ACCESS, env)
        return ExchangeRequest(
            client=client,
            hashes=self._vault.fingerprints(PUBLIC, token),
            access_token=access_token,
            access_hash=self._access.fingerprint(access_token),
            key_hash=self._vault.fingerprint("idempotency_key", key, client) if key else None,
        )

    async def _write_plain(self, connection: Tx, wishes: Sequence[ExchangeRequest]) -> list[Answer]:
        """Requests without an Idempotency-Key: one statement, so no BEGIN and COMMIT."""
        asked = dict(enumerate(wishes))
        try:
            won = await self._claim(connection, asked, self._clock.now())
        except UniqueViolation:
            # While it waited for a link session's row, another event was noted there: it has changed nothing.
            async with connection.transaction():
                return await self._write(connection, wishes)
        return [self._new_answer(wish, won.get(number)) or InvalidPublicToken for number, wish in asked.items()]

    async def _write(self, tx: Tx, wishes: Sequence[ExchangeRequest]) -> list[Answer]:
        now = self._clock.now()
        kept = await self._kept(tx, wishes, now)
        claiming = _claiming(wishes, kept)
        # In a statement of its own, so that the next one sees what was written before the rows were won.
        await tx.execute(sessions.LOCK, {"asked": _asked(claiming), "now": now})
        won = await self._claim(tx, claiming, now)
        if len(won) < len(claiming):
            # Somebody was first, perhaps this very request before its process died: its answer is there by now.
            kept |= await self._kept(tx, list(claiming.values()), now)
        answers: list[Answer] = []
        for number, wish in enumerate(wishes):
            new = self._new_answer(wish, won.get(number))
            answer = new or self._kept_answer(wish, kept, InvalidPublicToken if number in claiming else KeyReused)
            if wish.key and isinstance(answer, str):
                kept.setdefault(wish.key, {"token_hash": wish.hashes[0], "answer": answer})
            answers.append(answer)
        await self._keep(tx, kept, now)
        return answers

    async def _kept(self, tx: Tx, wishes: Sequence[ExchangeRequest], now: datetime) -> dict[Key, Row]:
        keys = [wish.key_hash for wish in wishes if wish.key_hash]
        if not keys:
            return {}
        rows = await (await tx.execute(KEPT_ANSWERS, (keys, now))).fetchall()
        return {(row["client"], row["key_hash"]): row for row in rows}

    async def _claim(self, tx: Tx, asked: Mapping[int, ExchangeRequest], now: datetime) -> Won:
        """Claims granted link sessions, each once for ever. Another client's token is not found, whoever else asks."""
        rows = await (await tx.execute(EXCHANGE, {"asked": _asked(asked), "now": now})).fetchall()
        return {row["n"]: row for row in rows}

    def _kept_answer(self, wish: ExchangeRequest, kept: dict[Key, Row], otherwise: Answer) -> Answer:
        row = kept.get(wish.key) if wish.key else None
        if row is None or wish.key is None:
            return otherwise
        if row["token_hash"] not in wish.hashes:
            return KeyReused
        if "answer" not in row:
            row["answer"] = self._vault.open(row["sealed_answer"], _answer_context(*wish.key)).decode()
        return row["answer"]

    def _new_answer(self, wish: ExchangeRequest, row: Row | None) -> Answer | None:
        if row is None:
            return None
        if row["sealed"] is not None:
            return self._vault.open(row["sealed"], sealed_token_context(wish.client)).decode()
        # Not counting: the account was disconnected meanwhile.
        return wish.access_token if row["counts"] else InvalidPublicToken

    async def _keep(self, tx: Tx, kept: dict[Key, Row], now: datetime) -> None:
        for (client, key_hash), row in kept.items():
            if "sealed_answer" not in row:
                sealed = self._vault.seal(row["answer"].encode(), _answer_context(client, key_hash))
                await tx.execute(KEEP, (client, key_hash, row["token_hash"], sealed, now + KEPT))


def _claiming(wishes: Sequence[ExchangeRequest], kept: dict[Key, Row]) -> dict[int, ExchangeRequest]:
    """Those that may win: one whose Idempotency-Key belongs to another request must not burn its token."""
    first: dict[Key, ExchangeRequest] = {}
    return {
        number: wish
        for number, wish in enumerate(wishes)
        if wish.key is None or (wish.key not in kept and first.setdefault(wish.key, wish).hashes == wish.hashes)
    }


def _asked(wishes: Mapping[int, ExchangeRequest]) -> str:
    return as_json(
        {"n": number, "client": wish.client, "hash": each, "access": wish.access_hash}
        for number, wish in wishes.items()
        for each in wish.hashes
    )


def _answer_context(client: str, key_hash: bytes) -> Context:
    return Context("exchanges", client, key_hash.hex(), "answer")


# One statement, though four rooms' tables are in it: each piece of it stands with its table.
EXCHANGE: LiteralString = f"""
WITH {sessions.WON}, issues AS (
    SELECT granted AS account, client, access AS hash FROM won WHERE account IS NULL
), issued AS ({ISSUE}), noted AS ({events.EXCHANGED}), erased AS ({ERASE})
SELECT n, CASE WHEN account IS NOT NULL THEN sealed_access_token END AS sealed, i.hash IS NOT NULL AS counts
FROM won LEFT JOIN issued i ON i.hash = won.access
"""

KEPT_ANSWERS = """
SELECT client, key_hash, token_hash, sealed_answer FROM exchanges WHERE key_hash = ANY(%s) AND expires_at > %s
"""

KEEP = """
INSERT INTO exchanges (client, key_hash, token_hash, sealed_answer, expires_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (client, key_hash)
DO UPDATE SET token_hash = excluded.token_hash, sealed_answer = excluded.sealed_answer, expires_at = excluded.expires_at
"""
