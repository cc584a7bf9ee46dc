"""What every request of one running EHR shares: its file, clock, fault switches and log."""

import asyncio
import sqlite3
from pathlib import Path

import msgspec

from sandbox_ehr.clinic import visits as chart
from sandbox_ehr.database import Database
from sandbox_ehr.lab import faults as lab
from sandbox_ehr.lab.clock import Clock, ClockState
from sandbox_ehr.lab.faults import Faults, Log
from sandbox_ehr.login import accounts
from sandbox_ehr.login import pending_sign_ins as pending


class Ehr:
    """`path` is the folder that holds, or will hold, `sandbox-ehr.sqlite`."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path / "sandbox-ehr.sqlite")
        self.clock = Clock()
        self.faults = Faults()
        self.log = Log()
        self.closing = asyncio.Event()
        self._starting = asyncio.Lock()
        self._started = False

    async def start(self) -> None:
        """Seed what is missing and take clock and faults up where they were left; once, however often it is called."""
        async with self._starting:
            if not self._started:
                await self._load()
                self._started = True

    async def _load(self) -> None:
        await self.database.run(_seed)
        self.clock.state = msgspec.convert(await self.database.run(lab.read, "clock"), ClockState)
        self.faults = msgspec.convert(await self.database.run(lab.read, "faults"), Faults)

    async def reset(self) -> None:
        """Back to the first day: accounts, charts, sessions, clock, faults and log."""
        await self.database.run(_empty)
        await self.database.run(_seed)
        self.clock.state, self.faults = ClockState(), Faults()
        self.log.clear()


def _seed(connection: sqlite3.Connection) -> None:
    accounts.seed_logins(connection)
    chart.seed_patients(connection)


def _empty(connection: sqlite3.Connection) -> None:
    for table in (accounts, pending, chart, lab):
        table.empty(connection)
