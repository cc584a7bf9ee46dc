"""One running EHR: its database, clock, fault switches and log."""

import asyncio
import sqlite3
from importlib.resources import files
from pathlib import Path

import msgspec
from starlette.requests import Request

from sandbox_ehr.clinic import documents, insurances, patients, records, referring_providers, schedule_slots, visits
from sandbox_ehr.database import Database
from sandbox_ehr.grants import apps, assertions, tokens, waiting
from sandbox_ehr.grants.signing_key import SigningKey
from sandbox_ehr.lab import saved_state
from sandbox_ehr.lab.clock import Clock, ClockState
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.lab.holds import Holds
from sandbox_ehr.lab.log import Log
from sandbox_ehr.login import accounts, pending_sign_ins, sandbox_logins, sessions
from sandbox_ehr.twins import PLAIN, Twin

ROOMS_WITH_TABLES = ("login", "clinic", "grants", "lab")


class Ehr:
    """`folder` holds, or will hold, `sandbox-ehr.sqlite`. `twin` is the vendor whose server it acts like."""

    def __init__(self, folder: Path, twin: Twin = PLAIN) -> None:
        schemas = [files(f"sandbox_ehr.{room}").joinpath("schema.sql").read_text("utf-8") for room in ROOMS_WITH_TABLES]
        self.database = Database(folder / "sandbox-ehr.sqlite", schemas)
        self.twin = twin
        self.signing_key = SigningKey()
        self.clock = Clock()
        self.faults = Faults()
        self.holds = Holds()
        self.log = Log()
        self.seen: dict[str, float] = {}  # what oddities count: calls of a minute, reads of a document
        self.closing = asyncio.Event()
        self._starting = asyncio.Lock()
        self._started = False

    async def start(self) -> None:
        """Add what the file lacks, and restore the clock and the faults. Later calls do nothing."""
        async with self._starting:
            if not self._started:
                await self._load()
                self._started = True

    async def reset(self) -> None:
        """Return accounts, charts, sessions, clock, faults and log to their first day. Held writes are dropped."""
        self.holds.let_go(released=False)
        if not await self.database.restore():  # seeding takes twenty times as long, and tests reset very often
            await self.database.run(_delete_all)
            await self.database.run(_seed)
            await self.database.keep()
        self.clock.state, self.faults = ClockState(), Faults()
        self.log.clear()
        self.seen.clear()

    async def _load(self) -> None:
        await self.database.run(_seed)
        self.clock.state = msgspec.convert(await self.database.run(saved_state.load, "clock"), ClockState)
        self.faults = msgspec.convert(await self.database.run(saved_state.load, "faults"), Faults)


def ehr_of(request: Request) -> Ehr:
    return request.app.state.ehr


def _seed(connection: sqlite3.Connection) -> None:
    # Visits and their paperwork are not seeded: they follow the EHR's clock whenever somebody reads them.
    sandbox_logins.seed(connection)
    for table in (patients, insurances, referring_providers):
        table.seed(connection)


def _delete_all(connection: sqlite3.Connection) -> None:
    rooms = (sessions, pending_sign_ins, accounts, saved_state, tokens, waiting, assertions, apps)
    for table in (*rooms, visits, schedule_slots, patients, records, documents):
        table.delete_all(connection)
