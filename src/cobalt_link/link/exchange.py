"""The exchange of a public token for the access token: once for ever, also in a race, after a crash, or asked twice.

The attempt's row is what is won; with an Idempotency-Key the answer is kept, sealed, for a day, so that a lost response
loses nothing (S-010, S-011).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from cobalt_link.accounts.access import Access, Issue
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.problems import Problem
from cobalt_link.kit.vault import Context, Vault
from cobalt_link.link import events
from cobalt_link.link import tokens as tokens_table
from cobalt_link.link.attempts import Attempts
from cobalt_link.link.tokens import PUBLIC, sealed_token_context
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.store.grouped import Grouped

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


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `access_token` is given out if it wins; `key_hash` is of its Idempotency-Key."""

    client: str
    hashes: list[bytes]
    access_token: str
    key_hash: bytes | None

    @property
    def key(self) -> Key | None:
        return (self.client, self.key_hash) if self.key_hash else None


Answer = str | type[Problem]


class Exchanges:
    """All SQL of the exchange, and on the table `exchanges`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, attempts: Attempts, access: Access) -> None:
        self._vault = vault
        self._clock = clock
        self._attempts = attempts
        self._access = access
        self._grouped = Grouped(db, self._write)

    async def __call__(self, client: str, env: str, token: str, key: str | None) -> str:
        """The access token. Raises InvalidPublicToken, also for another client's, or KeyReused."""
        if not tokens.well_formed(token, tokens.PUBLIC):
            raise InvalidPublicToken
        answer = await self._grouped(self._wish(client, env, token, key))
        if isinstance(answer, str):
            return answer
        raise answer

    async def prune(self, tx: Tx, now: datetime) -> None:
        await tx.execute("DELETE FROM exchanges WHERE expires_at <= %s", (now,))

    def _wish(self, client: str, env: str, token: str, key: str | None) -> Wish:
        return Wish(
            client=client,
            hashes=self._vault.fingerprints(PUBLIC, token),
            access_token=tokens.mint(tokens.ACCESS, env),
            key_hash=self._vault.fingerprint("idempotency_key", key, client) if key else None,
        )

    async def _write(self, tx: Tx, wishes: Sequence[Wish]) -> list[Answer]:
        now = self._clock.now()
        kept = await self._kept(tx, wishes, now)
        claiming = _claiming(wishes, kept)
        rows = await self._claim(tx, claiming, now)
        if len(rows) < len(claiming):
            # Somebody was first, perhaps this very request before its process died: its answer is there by now.
            kept |= await self._kept(tx, claiming, now)
        answers, issues = self._answers(wishes, claiming, kept, rows)
        dead = {issue.token for issue in await self._access.issue(tx, issues)}
        kept = {key: row for key, row in kept.items() if row.get("answer") not in dead}
        await self._keep(tx, kept, now)
        if rows:
            await events.note_each(tx, [row["link_token"] for row in rows], "exchanged", now)
        if repaired := [row["link_token"] for row in rows if row["account"] is not None]:
            await tokens_table.erase_access_tokens(tx, repaired)
        return [InvalidPublicToken if answer in dead else answer for answer in answers]

    def _answers(
        self,
        wishes: Sequence[Wish],
        claiming: Sequence[Wish],
        kept: dict[Key, Row],
        rows: Sequence[Row],
    ) -> tuple[list[Answer], list[Issue]]:
        answers: list[Answer] = []
        issues: list[Issue] = []
        claims = {id(wish) for wish in claiming}
        won = {hashed: row for row in rows for hashed in row["hashes"]}
        for wish in wishes:
            answer: Answer
            if id(wish) in claims:
                answer = self._new_answer(wish, won, issues) or self._kept_answer(wish, kept)
            else:
                answer = self._kept_answer(wish, kept, KeyReused)
            if wish.key and isinstance(answer, str):
                kept.setdefault(wish.key, {"token_hash": wish.hashes[0], "answer": answer})
            answers.append(answer)
        return answers, issues

    async def _kept(self, tx: Tx, wishes: Sequence[Wish], now: datetime) -> dict[Key, Row]:
        keys = [wish.key_hash for wish in wishes if wish.key_hash]
        if not keys:
            return {}
        rows = await (await tx.execute(KEPT_ANSWERS, (keys, now))).fetchall()
        return {(row["client"], row["key_hash"]): row for row in rows}

    async def _claim(self, tx: Tx, wishes: Sequence[Wish], now: datetime) -> list[Row]:
        asked = [(wish.client, each) for wish in wishes for each in wish.hashes]
        return await self._attempts.exchange(tx, asked, now) if asked else []

    def _kept_answer(self, wish: Wish, kept: dict[Key, Row], otherwise: Answer = InvalidPublicToken) -> Answer:
        row = kept.get(wish.key) if wish.key else None
        if row is None or wish.key is None:
            return otherwise
        if row["token_hash"] not in wish.hashes:
            return KeyReused
        if "answer" not in row:
            row["answer"] = self._vault.open(row["sealed_answer"], _answer_context(*wish.key)).decode()
        return row["answer"]

    def _new_answer(self, wish: Wish, won: dict[bytes, Row], issues: list[Issue]) -> str | None:
        row = next((row for each in wish.hashes if (row := won.get(each)) and row["client"] == wish.client), None)
        if row is None:
            return None
        # Of several requests for one attempt in one group the first wins; one token asked twice stands there twice.
        for each in set(row["hashes"]):
            del won[each]
        if row["account"] is not None:
            return self._vault.open(row["sealed_access_token"], sealed_token_context(wish.client)).decode()
        issues.append(Issue(account=row["granted"], client=wish.client, token=wish.access_token))
        return wish.access_token

    async def _keep(self, tx: Tx, kept: dict[Key, Row], now: datetime) -> None:
        for (client, key_hash), row in kept.items():
            if "sealed_answer" not in row:
                sealed = self._vault.seal(row["answer"].encode(), _answer_context(client, key_hash))
                await tx.execute(KEEP, (client, key_hash, row["token_hash"], sealed, now + KEPT))


def _claiming(wishes: Sequence[Wish], kept: dict[Key, Row]) -> list[Wish]:
    """Those that may win: one whose Idempotency-Key belongs to another request must not burn its token."""
    first: dict[Key, Wish] = {}
    return [
        wish
        for wish in wishes
        if wish.key is None or (wish.key not in kept and first.setdefault(wish.key, wish).hashes == wish.hashes)
    ]


def _answer_context(client: str, key_hash: bytes) -> Context:
    return Context("exchanges", client, key_hash.hex(), "answer")


KEPT_ANSWERS = """
SELECT client, key_hash, token_hash, sealed_answer FROM exchanges WHERE key_hash = ANY(%s) AND expires_at > %s
"""

KEEP = """
INSERT INTO exchanges (client, key_hash, token_hash, sealed_answer, expires_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (client, key_hash)
DO UPDATE SET token_hash = excluded.token_hash, sealed_answer = excluded.sealed_answer, expires_at = excluded.expires_at
"""
