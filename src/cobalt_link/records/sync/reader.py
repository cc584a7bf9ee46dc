"""Reads the schedules of enrolled accounts again and again, and records what staff changed as events."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import msgspec
import structlog

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.accounts.table import AccountTable, Position
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.kit.clock import Clock
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.resources import appointments
from cobalt_link.records.resources.appointments import AppointmentsAsked
from cobalt_link.records.sync.changes import (
    Digests,
    ScheduleChange,
    ScheduleRead,
    arrived,
    changes,
    digests,
    gone,
    hold_back,
    keep,
)
from cobalt_link.records.sync.ours import SKEW, ours
from cobalt_link.records.sync.payloads import event
from cobalt_link.records.sync.table import Synced, SyncedAccounts
from cobalt_link.records.writes.table import WriteJobs
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import Context, DataKey
from cobalt_link.web.problems import Problem
from cobalt_link.webhooks.events import Events
from cobalt_link.webhooks.room import WebhooksRoom

log = structlog.get_logger()

TYPES = ("appointment.created", "appointment.updated", "appointment.cancelled", "patient.updated")
BEFORE, AFTER = timedelta(days=1), timedelta(days=60)
LONGEST_PAUSE = timedelta(minutes=15)
MOST_SECONDS = 300  # of a read: then the EHR gets a rest
MOST_LOOKED_UP = 20  # appointments in a read, one by one
PAGE = 500  # accounts
COMMITTED = timedelta(minutes=1)  # so long after its time an account may first be seen, as its transaction lasts


class ScheduleReader:
    """`await reader(account=…)` reads one account's schedule if it is due."""

    def __init__(
        self,
        db: Database,
        accounts: AccountTable,
        keys: DataKeys,
        reads: RecordsEngine,
        jobs: WriteJobs,
        setting: SyncSetting,
    ) -> None:
        self.table = SyncedAccounts(db)
        self._db = db
        self._accounts = accounts
        self._keys = keys
        self._reads = reads
        self._jobs = jobs
        self._webhooks = setting.webhooks
        self._events: Events = setting.webhooks.events
        self._clock = setting.clock
        self._every = setting.every

    async def __call__(self, *, account: str) -> None:
        synced = await self.table.claim(account, self._clock.now())
        if synced is None:
            return
        with suppress(LostClaim):
            async with self.table.claims.kept(account, synced.claim):
                try:
                    async with asyncio.timeout(MOST_SECONDS):
                        await self._read(synced)
                except AccountGone:
                    await self.table.drop(synced)
                except (Problem, TimeoutError) as error:
                    await self._rest(synced, getattr(error, "code", "too_slow"))
                except asyncio.CancelledError:
                    # This worker has to end: another one reads at once, and not after the lease.
                    await asyncio.shield(self.table.give_back(synced))
                    raise

    async def _rest(self, synced: Synced, code: str) -> None:
        """Longer each time. To the EHR of an account that needs its user nothing is sent until then."""
        pause = min(self._every * 2 ** min(synced.failures + 1, 10), LONGEST_PAUSE)
        log.info("schedule_not_read", account=synced.account, code=code)
        await self.table.failed(synced, self._clock.now() + max(pause, self._every))

    async def ask(self, client: str, account_id: str, *, sync: bool) -> str:
        """Enrolls an account for its app, or ends that. Returns its id. Raises AccountGone."""
        account = await self._accounts.find(client, account_id)
        if sync:
            await self.table.ask(account, self._clock.now())
        else:
            await self.table.leave(account)
        return account.id

    async def enroll(self) -> None:
        """Adds the accounts that were linked since the last time, of clients that want to hear of changes."""
        for client in await self._webhooks.wanting(TYPES):
            fresh = await self._linked_since(client, await self.table.position(client))
            if fresh:
                last = min((fresh[0].linked_at, fresh[0].id), (self._clock.now() - COMMITTED, ""))
                await self.table.enroll(client, fresh, last, self._clock.now())

    async def _linked_since(self, client: str, known: Position | None) -> list[Account]:
        """The last linked comes first."""
        fresh: list[Account] = []
        after: Position | None = None
        while True:
            page = await self._accounts.of_client(client, limit=PAGE, after=after)
            new = [each for each in page if known is None or (each.linked_at, each.id) > known]
            fresh += new
            if len(new) < PAGE:
                return fresh
            after = (page[-1].linked_at, page[-1].id)

    async def _read(self, synced: Synced) -> None:
        if not synced.asked and not await self._webhooks.wants(synced.client, TYPES):
            await self.table.remove(synced)
            return
        account = await self._accounts.by_id(synced.account)
        key = await self._keys.get(f"account:{account.id}")
        if key is None:
            raise AccountGone
        began = self._clock.now()
        first, last = (began - BEFORE).date(), (began + AFTER).date()
        asked = AppointmentsAsked(start_date=first.isoformat(), end_date=last.isoformat())
        answer = await appointments.read(self._reads, account, asked)
        views = {each.id: each for each in answer.appointments}
        secret = key.derive("sync digests")
        now = digests(secret, views.values(), last, await self._form(account))
        now.is_partial, now.began = answer.partial, synced.claimed_at.timestamp()
        found: list[ScheduleChange] = []
        if before := self._opened(key, account, synced.sealed_digests):
            last_read = synced.read_at or began
            written = ours(await self._jobs.sent_since(account.org, last_read - SKEW), began)
            hold_back(before, now, written.arriving, (last_read.timestamp(), self._clock.now().timestamp()))
            seen = await self._seen(
                account, secret, before, now, ScheduleRead(views=views, first=first, ours=written.ids)
            )
            found = changes(before, now, seen)
            keep(before, now, seen)
        await self._keep(account, synced, began, key, now, found)

    async def _seen(
        self, account: Account, secret: bytes, before: Digests, now: Digests, seen: ScheduleRead
    ) -> ScheduleRead:
        """With what the EHR and our ids say of appointments that one of the two reads lacks."""
        missing = gone(before, now, seen.first)
        # Ours now, as nobody knows later that they were. The others in no order, so that each one comes up in time.
        chosen = [each for each in missing if each in seen.ours]
        others = [each for each in missing if each not in seen.ours]
        chosen += random.sample(others, min(len(others), MOST_LOOKED_UP))
        looked_up = await appointments.read_some(self._reads, account, chosen) if chosen else {}
        for id_ in [id_ for id_, view in looked_up.items() if view and view.id != id_]:
            # A write of ours that was under way: now it has the id with which it was accepted.
            del looked_up[id_], before.appointments[id_]
        there = {id_: view for id_, view in looked_up.items() if view}
        moved = digests(secret, there.values(), seen.first).appointments
        began = datetime.fromtimestamp(before.began, UTC)
        return msgspec.structs.replace(
            seen,
            views={**seen.views, **there},
            older=await self._reads.given_before(account, arrived(before, now, seen.ours), began),
            looked_up={id_: moved.get(id_) for id_ in looked_up},
        )

    async def _form(self, account: Account) -> tuple[str | None, ...]:
        """A new release may read an EHR in another way, and so does an org with another time zone."""
        return (version("cobalt-link"), (await self._reads.org_settings(account)).time_zone)

    async def _keep(
        self, account: Account, synced: Synced, began: datetime, key: DataKey, now: Digests, found: list[ScheduleChange]
    ) -> None:
        sealed = key.seal(msgspec.msgpack.encode(now), _context(account))
        labels = (await self._accounts.details([account]))[account.id].labels if found else ()
        async with self._db.transaction() as tx:
            await self.table.done(tx, synced, read_at=began, due_at=began + self._every, digests=sealed)
            for change in found:
                for label in labels or (account.reference,):
                    await self._events.record(tx, event(account, change, began, label))
        if found:
            self._events.wake()

    def _opened(self, key: DataKey, account: Account, sealed: bytes | None) -> Digests | None:
        try:
            return msgspec.msgpack.decode(key.open(sealed, _context(account)), type=Digests) if sealed else None
        except msgspec.DecodeError:
            return None  # of another release


class SyncSetting(msgspec.Struct, frozen=True):
    """`every` is the time between two reads of an account's schedule."""

    webhooks: WebhooksRoom
    clock: Clock
    every: timedelta


def _context(account: Account) -> Context:
    return Context("sync_accounts", account.client, account.id, "digests")
