"""Exchanges a public token for the access token: exactly once, even in a race, after a crash, or when it is retried.

The request that updates the link session's row first gets the token. With an Idempotency-Key the answer is kept sealed
for a day, so that a client that lost the response can ask again (S-010, S-011).
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
from cobalt_link.link.session import events
from cobalt_link.link.session.exchanged import EXCHANGED, LOCK
from cobalt_link.link.session.tokens import ERASE, PUBLIC, sealed_token_context
from cobalt_link.store.batches import delete_in_batches
from cobalt_link.store.database import Database, Row, Tx, as_json
from cobalt_link.store.grouped import Grouped
from cobalt_link.vault import Context, Vault
from cobalt_link.web.problems import Problem

ANSWER_KEPT = timedelta(hours=24)


class InvalidPublicToken(Problem):
    """This public_token is unknown, used or older than 30 minutes. Each can be exchanged once: open Link again, and \
exchange the new one as soon as it arrives."""

    code = "invalid_public_token"
    status = 400


class KeyReused(Problem):
    """This Idempotency-Key came with another public_token before. Use a new key for every new request."""

    code = "idempotency_key_reused"
    status = 422


Key = tuple[str, bytes]  # a client, and the hash of its Idempotency-Key


class ExchangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`access_token` is the answer if this request exchanges the public token. `key_hashes` holds the hash of
    its Idempotency-Key under every hash key, the current one first; empty without one."""

    client: str
    hashes: list[bytes]
    access_token: str
    access_hash: bytes
    key_hashes: list[bytes]

    @property
    def key(self) -> Key | None:
        return (self.client, self.key_hashes[0]) if self.key_hashes else None


Answer = str | type[Problem]
Exchanged = Mapping[int, Row]  # the row of each exchanged session, by the number of the request


class Exchanges:
    """All SQL of the exchange, and all SQL on `exchanges`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, access: AccessTokens) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._access = access
        self._plain = Grouped(db, self._write_plain, single=True)
        self._keyed = Grouped(db, self._write)

    async def __call__(self, client: str, env: str, token: str, key: str | None) -> str:
        """The access token. Raises InvalidPublicToken, also for the token of another client, or KeyReused."""
        if not tokens.well_formed(token, tokens.PUBLIC):
            raise InvalidPublicToken
        answer = await (self._keyed if key else self._plain)(self._request(client, env, token, key))
        if isinstance(answer, str):
            return answer
        raise answer

    async def prune(self, now: datetime) -> None:
        await delete_in_batches(self._db, PRUNE, {"now": now})

    def _request(self, client: str, env: str, token: str, key: str | None) -> ExchangeRequest:
        access_token = tokens.mint(tokens.ACCESS, env)
        return ExchangeRequest(
            client=client,
            hashes=self._vault.fingerprints(PUBLIC, token),
            access_token=access_token,
            access_hash=self._access.fingerprint(access_token),
            key_hashes=self._vault.fingerprints("idempotency_key", key, client) if key else [],
        )

    async def _write_plain(self, connection: Tx, requests: Sequence[ExchangeRequest]) -> list[Answer]:
        """Answers requests without an Idempotency-Key, in one statement and without BEGIN and COMMIT."""
        numbered = dict(enumerate(requests))
        try:
            exchanged = await self._exchange(connection, numbered, self._clock.now())
        except UniqueViolation:
            # Another transaction added an event while this statement waited for the row. The statement changed nothing.
            async with connection.transaction():
                return await self._write(connection, requests)
        return [
            self._new_answer(request, exchanged.get(number)) or InvalidPublicToken
            for number, request in numbered.items()
        ]

    async def _write(self, tx: Tx, requests: Sequence[ExchangeRequest]) -> list[Answer]:
        now = self._clock.now()
        kept = await self._kept(tx, requests, now)
        eligible = _eligible(requests, kept)
        # A separate statement takes the locks. The next one then sees everything that was committed before them.
        await tx.execute(LOCK, {"requested": _rows(eligible), "now": now})
        exchanged = await self._exchange(tx, eligible, now)
        if len(exchanged) < len(eligible):
            # Another request was first. It may be this one before its process died: then its answer is kept by now.
            kept |= await self._kept(tx, list(eligible.values()), now)
        answers: list[Answer] = []
        for number, request in enumerate(requests):
            new = self._new_answer(request, exchanged.get(number))
            answer = new or self._kept_answer(request, kept, InvalidPublicToken if number in eligible else KeyReused)
            if request.key and isinstance(answer, str):
                kept.setdefault(request.key, {"token_hash": request.hashes[0], "answer": answer})
            answers.append(answer)
        await self._keep(tx, kept, now)
        return answers

    async def _kept(self, tx: Tx, requests: Sequence[ExchangeRequest], now: datetime) -> dict[Key, Row]:
        # An answer may have been kept under an earlier hash key (S-046).
        keys = {(each.client, hashed): each.key for each in requests if each.key for hashed in each.key_hashes}
        if not keys:
            return {}
        clients, hashes = {client for client, _ in keys}, [key_hash for _, key_hash in keys]
        rows = await (await tx.execute(KEPT_ANSWERS, (list(clients), hashes, now))).fetchall()
        return {keys[row["client"], row["key_hash"]]: row for row in rows}

    async def _exchange(self, tx: Tx, requests: Mapping[int, ExchangeRequest], now: datetime) -> Exchanged:
        """Marks granted link sessions as exchanged, each only once. It finds no public token of another client."""
        rows = await (await tx.execute(EXCHANGE, {"requested": _rows(requests), "now": now})).fetchall()
        return {row["n"]: row for row in rows}

    def _kept_answer(self, request: ExchangeRequest, kept: dict[Key, Row], otherwise: Answer) -> Answer:
        row = kept.get(request.key) if request.key else None
        if row is None or request.key is None:
            return otherwise
        if row["token_hash"] not in request.hashes:
            return KeyReused
        if "answer" not in row:
            context = _answer_context(request.client, row["key_hash"])
            row["answer"] = self._vault.open(row["sealed_answer"], context).decode()
        return row["answer"]

    def _new_answer(self, request: ExchangeRequest, row: Row | None) -> Answer | None:
        if row is None:
            return None
        if row["sealed"] is not None:
            return self._vault.open(row["sealed"], sealed_token_context(request.client, row["link_token"])).decode()
        # No token was issued if the account was disconnected in the meantime.
        return request.access_token if row["is_issued"] else InvalidPublicToken

    async def _keep(self, tx: Tx, kept: dict[Key, Row], now: datetime) -> None:
        for (client, key_hash), row in kept.items():
            if "sealed_answer" not in row:
                sealed = self._vault.seal(row["answer"].encode(), _answer_context(client, key_hash))
                await tx.execute(KEEP, (client, key_hash, row["token_hash"], sealed, now + ANSWER_KEPT))


def _eligible(requests: Sequence[ExchangeRequest], kept: dict[Key, Row]) -> dict[int, ExchangeRequest]:
    """The requests that may exchange their token. A request that reuses the Idempotency-Key of another request must not
    use up its token."""
    first: dict[Key, ExchangeRequest] = {}
    return {
        number: each
        for number, each in enumerate(requests)
        if each.key is None or (each.key not in kept and first.setdefault(each.key, each).hashes == each.hashes)
    }


def _rows(requests: Mapping[int, ExchangeRequest]) -> str:
    return as_json(
        {"n": number, "client": request.client, "hash": each, "access": request.access_hash}
        for number, request in requests.items()
        for each in request.hashes
    )


def _answer_context(client: str, key_hash: bytes) -> Context:
    return Context("exchanges", client, key_hash.hex(), "answer")


# One statement saves round trips. Each of its parts is defined in the module that owns the table.
EXCHANGE: LiteralString = f"""
WITH {EXCHANGED}, issues AS (
    SELECT granted AS account, client, access AS hash FROM exchanged WHERE account IS NULL
), issued AS ({ISSUE}), noted AS ({events.NOTE_EXCHANGED}), erased AS ({ERASE})
SELECT n, link_token, CASE WHEN account IS NOT NULL THEN sealed_access_token END AS sealed,
       i.hash IS NOT NULL AS is_issued
FROM exchanged LEFT JOIN issued i ON i.hash = exchanged.access
"""

# By row address: one may be replaced meanwhile, and then its time is looked at again.
PRUNE = """
DELETE FROM exchanges WHERE expires_at <= %(now)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM exchanges WHERE expires_at <= %(now)s ORDER BY expires_at LIMIT %(most)s))
"""

KEPT_ANSWERS = """
SELECT client, key_hash, token_hash, sealed_answer FROM exchanges
WHERE client = ANY(%s) AND key_hash = ANY(%s) AND expires_at > %s
"""

KEEP = """
INSERT INTO exchanges (client, key_hash, token_hash, sealed_answer, expires_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (client, key_hash)
DO UPDATE SET token_hash = excluded.token_hash, sealed_answer = excluded.sealed_answer, expires_at = excluded.expires_at
"""
