"""Reports of tokens that were found in public: each is ended, and its owner is told (S-047)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog

from cobalt_link.accounts import audit
from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.audit import AuditEntry
from cobalt_link.developers.clients import Clients
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.logs import mask
from cobalt_link.mail.outbox import Mail
from cobalt_link.store.database import Database, Tx
from cobalt_link.webhooks import event_types
from cobalt_link.webhooks.events import Event, Events

MOST_NAMED: Final = 20  # lines of one letter
LONGEST_PLACE: Final = 500

log = structlog.get_logger()


class Leak(msgspec.Struct, frozen=True):
    """One finding. `url` is where the token was found; the scanner may leave it out."""

    token: str
    url: str | None = None

    @property
    def place(self) -> str | None:
        """For people: a web address in one line, that shows no token. Who publishes one chooses the file's name."""
        url = mask((self.url or "")[:LONGEST_PLACE])
        return url if url.startswith(("https://", "http://")) and " " not in url else None

    def __repr__(self) -> str:
        return "Leak()"


class Found(msgspec.Struct, frozen=True):
    """A credential that was ended: what it was, for people, and the event about it."""

    client: str
    what: str
    place: str | None
    event: Event


class Leaks:
    """Ends what leaked: access tokens and client secrets. Link tokens and public tokens end by themselves."""

    def __init__(
        self, db: Database, clock: Clock, access: AccessTokens, clients: Clients, events: Events, mail: Mail
    ) -> None:
        self._db = db
        self._clock = clock
        self._access = access
        self._clients = clients
        self._events = events
        self._mail = mail

    async def end(self, leaks: Sequence[Leak]) -> int:
        """Ends every live credential among them, and returns how many those were. A made-up one costs no query."""
        by_kind: dict[str, dict[str, str | None]] = defaultdict(dict)
        for each in leaks:
            for kind in (tokens.ACCESS, tokens.CLIENT_SECRET):
                if tokens.well_formed(each.token, kind):
                    by_kind[kind].setdefault(each.token, each.place)
        if not by_kind:
            return 0
        async with self._db.transaction() as tx:
            found = await self._end_tokens(tx, by_kind[tokens.ACCESS])
            found += await self._end_secrets(tx, by_kind[tokens.CLIENT_SECRET])
            for each in found:
                await self._events.record(tx, each.event)
            for client in sorted({each.client for each in found}):
                await self._mail.post(tx, client, "leaked", _letter([each for each in found if each.client == client]))
        if found:
            self._events.wake()
            log.warning("leaked_credentials_ended", count=len(found))
        return len(found)

    async def _end_tokens(self, tx: Tx, places: dict[str, str | None]) -> list[Found]:
        rows = await self._access.end_leaked(tx, list(places))
        found = []
        for token, row in rows:
            account, place = row["account"], places[token]
            data = {name: row[name] for name in ("user_id", "org_id")} | {"account_id": account, **_why(place)}
            event = Event(
                type=event_types.ACCESS_REVOKED,
                data=data,
                client=row["client"],
                org=row["org"],
                account=account,
                reference=row["reference"],
            )
            found.append(Found(row["client"], f"an access token of the account {account}", place, event))
            note = AuditEntry(
                at=self._clock.now(), client=row["client"], account=account, what="token_revoked", detail="leaked"
            )
            await audit.note(tx, note)
        return found

    async def _end_secrets(self, tx: Tx, places: dict[str, str | None]) -> list[Found]:
        found = []
        for secret, client in await self._clients.end_leaked(tx, list(places)):
            data = {"hint": secret[-4:], **_why(places[secret])}
            event = Event(type=event_types.CLIENT_REVOKED, data=data, client=client)
            found.append(Found(client, f"the client_secret that ends in {secret[-4:]}", places[secret], event))
            entry = AuditEntry(
                at=self._clock.now(), client=client, account=None, what="secret_revoked", detail="leaked"
            )
            await audit.note(tx, entry)
        return found


def _why(place: str | None) -> dict[str, Any]:
    return {"reason": "leaked", "found_at": place}


def _letter(found: Sequence[Found]) -> dict[str, Any]:
    what = [each.what for each in found[:MOST_NAMED]]
    more = len(found) - len(what)
    places = list(dict.fromkeys(each.place for each in found if each.place))[:MOST_NAMED]
    return {"what": what + [f"and {more} more"] * (more > 0), "places": places or ["The scanner did not say."]}
