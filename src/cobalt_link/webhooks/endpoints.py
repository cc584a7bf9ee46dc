"""The endpoints of clients: where events go, which of them, in which form, and with which secret.

A new endpoint gets the secret of the client's first one, because in the contract's guides the secret belongs to the
client, and in its reference to each webhook (contract §9 row 23). So one key verifies all, until one is rotated alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, LiteralString

import msgspec

from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import new_id
from cobalt_link.net import addresses
from cobalt_link.net.http import AddressRefused, Http, HttpError
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.vault import Context, DataKey
from cobalt_link.webhooks import event_types
from cobalt_link.webhooks.problems import TooManyWebhooks, WebhookNotFound, WebhookUrlRefused
from cobalt_link.webhooks.signing import WebhookSecret

MOST: Final = 20  # endpoints of a client
LONGEST_URL: Final = 2000
RECENT: Final = timedelta(hours=48)  # longer than the longest wait between two tries
OVERLAP: Final = timedelta(hours=24)  # how long the secret before a rotation signs too (contract §6.1)

Timestamps = Literal["unix", "iso"]
Payload = Literal["full", "thin"]

# Requests of one client take turns, so that a limit and a URL count once.
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks:' || %s, 0))"
ALL: LiteralString = "SELECT * FROM webhook_endpoints WHERE client = %s ORDER BY created_at, id LIMIT 100"
ONE: LiteralString = "SELECT * FROM webhook_endpoints WHERE id = %s AND client = %s"
INSERT: LiteralString = """
INSERT INTO webhook_endpoints
    (id, client, sealed_url, sealed_secret, event_types, timestamps, payload, jwt, created_at)
VALUES (%(id)s, %(client)s, %(url)s, %(secret)s, %(event_types)s, %(timestamps)s, %(payload)s, %(jwt)s, %(now)s)"""
CHANGE: LiteralString = """
UPDATE webhook_endpoints SET event_types = %(event_types)s, timestamps = %(timestamps)s, payload = %(payload)s,
    jwt = %(jwt)s, state = 'enabled', disabled_reason = NULL, disabled_at = NULL, failing_since = NULL,
    paused_until = NULL
WHERE id = %(id)s"""
REMOVE: LiteralString = "DELETE FROM webhook_endpoints WHERE id = %s AND client = %s"
ROTATE: LiteralString = """
UPDATE webhook_endpoints SET sealed_former_secret = %(former)s, former_until = %(until)s, sealed_secret = %(secret)s
WHERE id = %(id)s"""
WANTS: LiteralString = """
SELECT EXISTS (SELECT FROM webhook_endpoints e, unnest(%(types)s::text[]) AS t WHERE e.client = %(client)s
    AND e.state = 'enabled' AND (e.event_types IS NULL OR EXISTS (
        SELECT FROM unnest(e.event_types) AS p WHERE p = t OR (right(p, 1) = '*' AND starts_with(t, left(p, -1)))))
) AS wanted"""
WANTING: LiteralString = """
SELECT DISTINCT e.client FROM webhook_endpoints e, unnest(%(types)s::text[]) AS t
WHERE e.state = 'enabled' AND (e.event_types IS NULL OR EXISTS (
    SELECT FROM unnest(e.event_types) AS p WHERE p = t OR (right(p, 1) = '*' AND starts_with(t, left(p, -1)))))"""
# A failure long after the last one begins anew: in between nothing was sent that could have failed or worked.
FAILED: LiteralString = """
UPDATE webhook_endpoints SET
    failing_since = CASE WHEN last_failed_at > %(recent)s THEN coalesce(failing_since, %(now)s) ELSE %(now)s END,
    last_failed_at = %(now)s, paused_until = greatest(paused_until, %(pause)s)
WHERE id = %(id)s AND state = 'enabled' RETURNING failing_since"""
WORKED: LiteralString = """
UPDATE webhook_endpoints SET failing_since = NULL, paused_until = NULL WHERE id = %s AND failing_since IS NOT NULL"""
RESUME: LiteralString = """
UPDATE webhook_endpoints SET paused_until = NULL
WHERE client = %s AND (%s::text IS NULL OR id = %s) AND paused_until IS NOT NULL"""
DISABLE: LiteralString = """
UPDATE webhook_endpoints SET state = 'disabled', disabled_reason = %(reason)s, disabled_at = %(now)s
WHERE id = %(id)s AND state = 'enabled'"""


class EndpointChoices(msgspec.Struct, frozen=True, kw_only=True):
    """What a client chooses for an endpoint. None leaves it as it is, or as it is by default."""

    event_types: list[str] | None = None
    timestamps: Timestamps | None = None
    payload: Payload | None = None
    jwt: bool | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with its secrets open. `event_types` is None for all of them."""

    id: str
    client: str
    url: str
    secret: WebhookSecret
    former: WebhookSecret | None
    former_until: datetime | None
    event_types: list[str] | None
    timestamps: Timestamps
    payload: Payload
    jwt: bool = False
    state: Literal["enabled", "disabled"]
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    created_at: datetime

    def secrets(self, now: datetime) -> list[WebhookSecret]:
        """Those that sign now, the current one first (S-066)."""
        overlaps = self.former is not None and self.former_until is not None and now < self.former_until
        return [self.secret, self.former] if overlaps and self.former else [self.secret]

    def __repr__(self) -> str:
        return f"Endpoint({self.id})"


class Endpoints:
    """The table `webhook_endpoints`."""

    def __init__(self, db: Database, keys: DataKeys, clock: Clock, http: Http, *, private: bool) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._http = http
        self._private = private

    async def register(self, client: str, url: str, choices: EndpointChoices) -> Endpoint:
        """The endpoint of this URL, made if it is new. A known one takes the choices and is enabled again.

        Raises WebhookUrlRefused, TooManyWebhooks, UnknownEventType.
        """
        url = await self._checked(url)
        wanted = event_types.patterns(choices.event_types)
        async with self._db.transaction() as tx:
            await tx.execute(LOCK, (client,))
            key = await self._keys.get(owner(client), tx) or await self._keys.create(tx, owner(client))
            known = [opened(key, row) for row in await (await tx.execute(ALL, (client,))).fetchall()]
            same = next((each for each in known if each.url == url), None)
            if same is None and len(known) >= MOST:
                raise TooManyWebhooks(f"You have {MOST} webhooks, the most that a client may have. Remove one first.")
            given = {
                "event_types": wanted if choices.event_types is not None or same is None else same.event_types,
                "timestamps": choices.timestamps or (same.timestamps if same else "unix"),
                "payload": choices.payload or (same.payload if same else "full"),
                "jwt": bool(same and same.jwt) if choices.jwt is None else choices.jwt,
            }
            if same:
                await tx.execute(CHANGE, {**given, "id": same.id})
                made = same.id
            else:
                made = f"wh_{new_id()}"
                secret = known[0].secret if known else WebhookSecret.new()
                sealed = {"url": _sealed(key, client, made, "url", url.encode())}
                sealed["secret"] = _sealed(key, client, made, "secret", msgspec.json.encode(secret))
                row = {**given, **sealed, "id": made, "client": client, "now": self._clock.now()}
                await tx.execute(INSERT, row)
        return await self.find(client, made)

    async def all(self, client: str) -> list[Endpoint]:
        """Those of a client, the first registered first."""
        rows = await self._db.rows(ALL, (client,))
        key = await self._keys.get(owner(client)) if rows else None
        return [opened(key, row) for row in rows] if key else []

    async def find(self, client: str, id: str) -> Endpoint:  # noqa: A002 - the contract's word
        """Raises WebhookNotFound."""
        row = await self._db.one(ONE, (id, client))
        key = await self._keys.get(owner(client)) if row else None
        if row is None or key is None:
            raise WebhookNotFound
        return opened(key, row)

    async def remove(self, client: str, id: str) -> None:  # noqa: A002
        """With everything that it still had to get. Raises WebhookNotFound."""
        if await self._db.run(REMOVE, (id, client)) == 0:
            raise WebhookNotFound

    async def rotate(self, client: str, id: str | None = None) -> list[Endpoint]:  # noqa: A002
        """A new secret, for one endpoint or for all together. The one before it signs beside it for 24 hours.

        An earlier one ends now. Raises WebhookNotFound.
        """
        secret = WebhookSecret.new()
        async with self._db.transaction() as tx:
            await tx.execute(LOCK, (client,))
            rows = await (await tx.execute(ALL, (client,))).fetchall()
            chosen = [row["id"] for row in rows if id in (None, row["id"])]
            key = await self._keys.get(owner(client), tx)
            if not chosen or key is None:
                raise WebhookNotFound
            for row in rows:
                if row["id"] in chosen:
                    # Sealed again: nobody may put the former one back in its place (S-050).
                    former = opened(key, row).secret
                    given: dict[str, Any] = {"id": row["id"], "until": self._clock.now() + OVERLAP}
                    for name, value in {"secret": secret, "former": former}.items():
                        given[name] = _sealed(key, client, row["id"], name, msgspec.json.encode(value))
                    await tx.execute(ROTATE, given)
        return [each for each in await self.all(client) if each.id in chosen]

    async def wants(self, client: str, types: Iterable[str]) -> bool:
        """Whether an enabled endpoint of the client takes any of these types."""
        row = await self._db.one(WANTS, {"client": client, "types": list(types)})
        return bool(row and row["wanted"])

    async def wanting(self, types: Iterable[str]) -> list[str]:
        """The clients with an enabled endpoint for any of these types."""
        return [row["client"] for row in await self._db.rows(WANTING, {"types": list(types)})]

    async def worked(self, id: str) -> None:  # noqa: A002
        await self._db.run(WORKED, (id,))

    async def failed(self, id: str, pause: datetime | None) -> datetime | None:  # noqa: A002
        """Notes a failure. Gives when the failing began, or None if the endpoint is not enabled any more.

        Until `pause`, nothing is sent to it.
        """
        now = self._clock.now()
        row = await self._db.one(FAILED, {"id": id, "now": now, "recent": now - RECENT, "pause": pause})
        return row["failing_since"] if row else None

    async def resume(self, client: str, id: str | None = None) -> None:  # noqa: A002
        """Ends a pause, because somebody asks for a delivery now."""
        await self._db.run(RESUME, (client, id, id))

    async def disable(self, tx: Tx, id: str, reason: str) -> bool:  # noqa: A002
        """False if it was disabled before."""
        given = {"id": id, "reason": reason, "now": self._clock.now()}
        return (await tx.execute(DISABLE, given)).rowcount == 1

    async def _checked(self, url: str) -> str:
        """The URL in one spelling. Raises WebhookUrlRefused if no delivery to it could ever be allowed (S-077)."""
        url = url.strip()
        if len(url) > LONGEST_URL or "#" in url:
            raise WebhookUrlRefused(f"The URL must have at most {LONGEST_URL} characters and no part after #.")
        try:
            target = addresses.parse(url)
            if target.scheme == "http" and not self._private:
                raise WebhookUrlRefused(f"{target.where} would get events unencrypted. Use https://.")
            await self._http.check(url)
        except AddressRefused:
            raise WebhookUrlRefused(
                "This URL cannot receive webhooks: it cannot be read, is unencrypted, or leads to a private or reserved"
                " address. Use an https:// address that the internet can reach."
            ) from None
        except HttpError as problem:
            raise WebhookUrlRefused(str(problem)) from None
        rest = url.split("://", 1)[1]
        place = min((rest.find(each) for each in "/?" if each in rest), default=len(rest))
        return target.where + (rest[place:] or "/")


def owner(client: str) -> str:
    """Whose data key seals what belongs to the client and to no account."""
    return f"client:{client}"


def opened(key: DataKey, row: Row) -> Endpoint:
    """The endpoint in a row of the table."""
    context = {
        name: Context("webhook_endpoints", row["client"], row["id"], name) for name in ("url", "secret", "former")
    }
    former = row["sealed_former_secret"]
    plain = {name: value for name, value in row.items() if name in Endpoint.__struct_fields__}
    return Endpoint(
        **plain,
        url=key.open(row["sealed_url"], context["url"]).decode(),
        secret=msgspec.json.decode(key.open(row["sealed_secret"], context["secret"]), type=WebhookSecret),
        former=msgspec.json.decode(key.open(former, context["former"]), type=WebhookSecret) if former else None,
    )


def _sealed(key: DataKey, client: str, id: str, field: str, value: bytes) -> bytes:  # noqa: A002
    return key.seal(value, Context("webhook_endpoints", client, id, field))


def shown_types(endpoint: Endpoint) -> Sequence[str]:
    return endpoint.event_types or ["*"]
