"""What the lab needs of the running EHR that it tests."""

import asyncio
from typing import Protocol

from sandbox_ehr.database import Database
from sandbox_ehr.lab.clock import Clock
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.lab.holds import Holds
from sandbox_ehr.lab.log import Log

LAB_PATH = "/api/_lab"


class EhrUnderTest(Protocol):
    """`sandbox_ehr.ehr.Ehr` implements it. That class imports the lab, so the lab cannot import that class."""

    database: Database
    clock: Clock
    faults: Faults
    holds: Holds
    log: Log
    closing: asyncio.Event

    async def reset(self) -> None: ...
