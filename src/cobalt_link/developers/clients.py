"""The clients, which are the apps that may call us, and their secrets. Only a keyed hash of a secret is stored (S-046).

A client has at most two live secrets, so that an app can change over while both work (S-008).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.developers import addresses, branding
from cobalt_link.developers.short_cache import ShortCache
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import new_id
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.vault import Vault

PURPOSE = "client_secret"


class ClientProblem(Exception):
    """Something that cannot be done with a client. The text says what to do instead."""


class Client(msgspec.Struct, frozen=True):
    """The caller. `id` is ours (32 hex digits, the tenant of everything). `client_id` is what the app sends."""

    id: str
    client_id: str
    name: str
    env: str
    callback_urls: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    branding: dict[str, str] = {}
    created_at: datetime | None = None
    disabled_at: datetime | None = None
    contact_email: str | None = None

    @property
    def test(self) -> bool:
        """Whether this client sees only the sandbox."""
        return self.env == tokens.TEST


class ClientSecret(msgspec.Struct, frozen=True):
    """What is known about a secret. `hint` is its last four characters. `expires_at` is None for the current one."""

    hint: str
    created_at: datetime
    expires_at: datetime | None
    fingerprint: bytes

    def __repr__(self) -> str:
        return f"Secret(…{self.hint})"


ALL: LiteralString = "SELECT * FROM clients ORDER BY created_at, id"
FIND: LiteralString = """
SELECT * FROM clients WHERE %(name)s IN (client_id, id, name) ORDER BY %(name)s IN (client_id, id) DESC LIMIT 2"""
SECRETS: LiteralString = """
SELECT hint, created_at, expires_at, fingerprint FROM client_secrets
WHERE client = %s ORDER BY created_at DESC, fingerprint"""
KNOWN: LiteralString = """
SELECT c.*, array_agg(s.fingerprint) AS fingerprints, array_agg(s.expires_at) AS endings
FROM clients c JOIN client_secrets s ON s.client = c.id
WHERE c.client_id = %s AND c.disabled_at IS NULL GROUP BY c.id"""
INSERT: LiteralString = """
INSERT INTO clients (id, client_id, name, env, callback_urls, origins, contact_email, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
UPDATE: LiteralString = """
UPDATE clients SET name = %s, callback_urls = %s, origins = %s, branding = %s, contact_email = %s WHERE id = %s"""
SWITCH: LiteralString = "UPDATE clients SET disabled_at = %s WHERE id = %s"
LOCK: LiteralString = "SELECT id FROM clients WHERE id = %s FOR UPDATE"
ADD: LiteralString = """
INSERT INTO client_secrets (fingerprint, client, hint, created_at) VALUES (%s, %s, %s, %s)"""
END_OLDER: LiteralString = "DELETE FROM client_secrets WHERE client = %s AND expires_at IS NOT NULL"
END_LATER: LiteralString = "UPDATE client_secrets SET expires_at = %s WHERE client = %s"
END_LEAKED: LiteralString = """
DELETE FROM client_secrets
WHERE fingerprint = ANY (%(prints)s::bytea[]) AND (expires_at IS NULL OR expires_at > %(now)s)
RETURNING fingerprint, client"""
END_ALL: LiteralString = "DELETE FROM client_secrets WHERE client = %s"


class Known(msgspec.Struct, frozen=True):
    """An enabled client, with the hash of each secret and when it expires (None: never)."""

    client: Client
    secrets: tuple[tuple[bytes, datetime | None], ...]


class Clients:
    """Keeps the tables `clients` and `client_secrets`."""

    def __init__(self, db: Database, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._by_id = ShortCache(self.find)

    async def create(
        self,
        name: str,
        *,
        test: bool = False,
        callback_urls: Iterable[str] = (),
        origins: Iterable[str] = (),
        contact_email: str | None = None,
    ) -> tuple[Client, str]:
        """A new client and its secret, which cannot be read again. Raises AddressProblem or ClientProblem."""
        env = tokens.TEST if test else tokens.LIVE
        lists = (tuple(callback_urls), tuple(origins))
        client = _checked(
            Client(new_id(), tokens.mint(tokens.CLIENT_ID, env), name, env, *lists, contact_email=contact_email)
        )
        row = (client.id, client.client_id, client.name, env, list(client.callback_urls), list(client.origins))
        async with self._db.transaction() as tx:
            await tx.execute(INSERT, (*row, client.contact_email, self._clock.now()))
            secret = await self._add_secret(tx, client)
        return client, secret

    async def all(self) -> list[Client]:
        return [_client(row) for row in await self._db.rows(ALL)]

    async def find(self, name: str) -> Client:
        """By client_id, our id, or name. Raises ClientProblem if there is none or the name is not unique."""
        rows = await self._db.rows(FIND, {"name": name})
        if not rows:
            raise ClientProblem(f"There is no client {name}. Run `cobalt clients list` to see the ones that exist.")
        # An id means its client, even if another client has it as a name.
        if len(rows) > 1 and name not in (rows[0]["client_id"], rows[0]["id"]):
            raise ClientProblem(f"Several clients are named {name}. Use the client_id from `cobalt clients list`.")
        return _client(rows[0])

    async def any_test(self) -> bool:
        """Whether there is a client that sees only the sandbox."""
        row = await self._db.one("SELECT EXISTS (SELECT FROM clients WHERE env = %s) AS found", (tokens.TEST,))
        return bool(row and row["found"])

    async def by_id(self, id: str) -> Client:  # noqa: A002 - the table's word
        """As it was within the last second, disabled or not. Raises ClientProblem."""
        return await self._by_id(id)

    async def secrets(self, client: Client) -> list[ClientSecret]:
        """The live ones, newest first."""
        rows = [msgspec.convert(row, ClientSecret) for row in await self._db.rows(SECRETS, (client.id,))]
        return [each for each in rows if each.expires_at is None or each.expires_at > self._clock.now()]

    async def update(self, client: Client, **changes: Any) -> Client:
        """Changes name, callback_urls, origins, branding, or contact_email.

        Raises AddressProblem, BrandingProblem, or ClientProblem.
        """
        new = _checked(msgspec.structs.replace(client, **changes))
        row = (new.name, list(new.callback_urls), list(new.origins), Jsonb(new.branding), new.contact_email, new.id)
        await self._db.run(UPDATE, row)
        return new

    async def disable(self, client: Client) -> Client:
        """From now on, every call of this client is refused; within a second in every process."""
        return await self._switch(client, self._clock.now())

    async def enable(self, client: Client) -> Client:
        return await self._switch(client, None)

    async def rotate_secret(self, client: Client, overlap: timedelta) -> str:
        """A new secret. The one before it works for `overlap`, an older one ends now. An overlap of 0 ends both."""
        async with self._db.transaction() as tx:
            # Without the lock, two rotations at once would leave three secrets.
            await tx.execute(LOCK, (client.id,))
            await tx.execute(END_OLDER if overlap else END_ALL, (client.id,))
            await tx.execute(END_LATER, (self._clock.now() + overlap, client.id))
            return await self._add_secret(tx, client)

    async def end_leaked(self, tx: Tx, leaked: Iterable[str]) -> list[tuple[str, str]]:
        """Ends those of the secrets that are live, and returns each with its client. It is refused within a second."""
        by_print = {each: secret for secret in leaked for each in self._vault.fingerprints(PURPOSE, secret)}
        given = {"prints": list(by_print), "now": self._clock.now()}
        rows = await (await tx.execute(END_LEAKED, given)).fetchall() if by_print else []
        return [(by_print[bytes(row["fingerprint"])], row["client"]) for row in rows]

    async def known(self, client_id: str) -> Known | None:
        """What authentication needs, in one round trip. None if the client is unknown or disabled."""
        row = await self._db.one(KNOWN, (client_id,))
        if row is None:
            return None
        return Known(_client(row), tuple(zip(row["fingerprints"], row["endings"], strict=True)))

    async def _switch(self, client: Client, moment: datetime | None) -> Client:
        await self._db.run(SWITCH, (moment, client.id))
        return msgspec.structs.replace(client, disabled_at=moment)

    async def _add_secret(self, tx: Tx, client: Client) -> str:
        secret = tokens.mint(tokens.CLIENT_SECRET, client.env)
        fingerprint = self._vault.fingerprint(PURPOSE, secret)
        await tx.execute(ADD, (fingerprint, client.id, secret[-4:], self._clock.now()))
        return secret


def _client(row: Row) -> Client:
    return msgspec.convert(row, Client)


def _checked(client: Client) -> Client:
    name = " ".join(client.name.split())
    if not 0 < len(name) <= 80 or not name.isprintable():
        raise ClientProblem(
            "The name of a client must be one line of 1 to 80 characters. Users read it when they link."
        )
    callbacks = tuple(dict.fromkeys(addresses.callback(each) for each in client.callback_urls))
    origins = tuple(dict.fromkeys(addresses.origin(each) for each in client.origins))
    look = branding.checked(client.branding)
    contact = addresses.contact(client.contact_email) if client.contact_email else None
    return msgspec.structs.replace(
        client, name=name, callback_urls=callbacks, origins=origins, branding=look, contact_email=contact
    )
