"""Reads the schedules of enrolled accounts again and again, and records what staff changed as events."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone, NotSupported
from cobalt_link.accounts.table import AccountTable, Position
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.kit.clock import Clock
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.resources import appointments
from cobalt_link.records.resources.appointments import AppointmentsAsked, AppointmentView
from cobalt_link.records.sync.changes import Digests, ScheduleChange, changes, digests, hold_back
from cobalt_link.records.sync.table import Synced, SyncedAccounts
from cobalt_link.records.writes.table import WriteJobs
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import Context, DataKey
from cobalt_link.web.problems import Problem
from cobalt_link.webhooks.events import Event, Events
from cobalt_link.webhooks.room import WebhooksRoom

log = structlog.get_logger()

TYPES = ("appointment.created", "appointment.updated", "appointment.cancelled", "patient.updated")
BEFORE, AFTER = timedelta(days=1), timedelta(days=60)
LONGEST_PAUSE = timedelta(minutes=15)
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
            try:
                await self._read(synced)
            except (AccountGone, NotSupported):
                await self.table.remove(synced)
            except Problem as problem:
                # An account that needs its user is looked at seldom: nothing is sent to its EHR.
                pause = min(self._every * 2 ** min(synced.failures + 1, 10), LONGEST_PAUSE)
                log.info("schedule_not_read", account=account, code=problem.code)
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
        views = {each.id: each for each in (await appointments.read(self._reads, account, asked)).appointments}
        now = digests(key.derive("sync digests"), views.values(), last)
        found: list[ScheduleChange] = []
        if before := self._opened(key, account, synced.sealed_digests):
            ours = await self._jobs.sent_since(account.org, synced.read_at or began)
            if ours.unsettled:
                hold_back(before, now)  # what is new may be ours, as nobody knows its id yet
            found = changes(before, now, views, first, ours.ids)
        await self._keep(account, synced, began, key, now, found)

    async def _keep(
        self, account: Account, synced: Synced, began: datetime, key: DataKey, now: Digests, found: list[ScheduleChange]
    ) -> None:
        sealed = key.seal(msgspec.msgpack.encode(now), _context(account))
        labels = (await self._accounts.details([account]))[account.id].labels if found else ()
        async with self._db.transaction() as tx:
            await self.table.done(tx, synced, read_at=began, due_at=began + self._every, digests=sealed)
            for change in found:
                for label in labels or (account.reference,):
                    await self._events.record(tx, _event(account, change, began, label))
        if found:
            self._events.wake()

    def _opened(self, key: DataKey, account: Account, sealed: bytes | None) -> Digests | None:
        return msgspec.msgpack.decode(key.open(sealed, _context(account)), type=Digests) if sealed else None


class SyncSetting(msgspec.Struct, frozen=True):
    """`every` is the time between two reads of an account's schedule."""

    webhooks: WebhooksRoom
    clock: Clock
    every: timedelta


def _event(account: Account, change: ScheduleChange, at: datetime, label: str) -> Event:
    return Event(
        type=change.kind,
        data=_data(change, at),
        client=account.client,
        org=account.org,
        account=account.id,
        reference=label,
    )


def _data(change: ScheduleChange, at: datetime) -> dict[str, Any]:
    """The contract's payloads of sync events (§6.4)."""
    view: AppointmentView | None = change.view
    if change.kind == "patient.updated":
        assert view is not None
        return {"id": change.id, "patient_id": change.id, "mrn": view.patient_mrn, "patient_mrn": view.patient_mrn}
    shown = msgspec.to_builtins(view) if view else {}
    return {
        **{name: value for name, value in shown.items() if name != "progress_note"},
        "id": change.id,
        "appointment_id": change.id,
        "mrn": shown.get("patient_mrn"),
        "date_time": shown.get("datetime"),
        "provider_id": shown.get("provider_ehr_id"),
        "secondary_provider_id": shown.get("secondary_provider_ehr_id"),
        **({"cancelled_at": at.isoformat()} if change.kind == "appointment.cancelled" else {}),
    }


def _context(account: Account) -> Context:
    return Context("sync_accounts", account.client, account.id, "digests")
