"""The moments of a write at which a worker can be killed or stopped, in its own process only."""

from __future__ import annotations

import os
import signal
from typing import Any, Literal

from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.records.writes.settle import Settlement
from cobalt_link.records.writes.table import INTENT, SETTLE, WriteJobs

WriteMoment = Literal["before the intent", "intent", "answer", "settling", "settled"]


def signal_at(moment: WriteMoment, number: signal.Signals) -> None:
    """Sends this process a signal, once: before or after the intent is on disk, once the EHR has answered, before the
    settling is committed, or after it."""
    sent = False

    def reached(now: WriteMoment) -> None:
        nonlocal sent
        if now == moment and not sent:
            sent = True
            os.kill(os.getpid(), number)

    change, once, settle = WriteJobs.change, EhrSessions.once, Settlement._settle

    async def changed(jobs: WriteJobs, sql: Any, *given: Any, **more: Any) -> None:
        if sql == INTENT:
            reached("before the intent")
        await change(jobs, sql, *given, **more)
        if sql in (INTENT, SETTLE):
            reached("intent" if sql == INTENT else "settling")

    async def answered(sessions: EhrSessions, *given: Any) -> Any:
        found = await once(sessions, *given)
        reached("answer")
        return found

    async def settled(settlement: Settlement, *given: Any) -> None:
        await settle(settlement, *given)
        reached("settled")

    WriteJobs.change, EhrSessions.once, Settlement._settle = changed, answered, settled  # type: ignore[method-assign]
