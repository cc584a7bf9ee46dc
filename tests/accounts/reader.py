"""A process that reads with an account, as a web process does: told what to do through a pipe.

`read N` reads the schedule N times at once and sends what came out; `sweep` settles abandoned renewals.
"""

import asyncio
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.login_tries import LoginTries
from cobalt_link.accounts.renewals import Renewals
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connectors.sandbox import Sandbox
from cobalt_link.kit.clock import SystemClock
from cobalt_link.net.http import Http
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, DatabaseUnavailable
from cobalt_link.vault import Keyring, Vault
from cobalt_link.web.problems import Problem


def run(line: Connection, dsn: str, ring: str, account_id: str) -> None:
    asyncio.run(serve(line, dsn, ring, account_id))


async def serve(line: Connection, dsn: str, ring: str, account_id: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    db, vault, clock = await Database.open(dsn), Vault(Keyring.load(Path(ring))), SystemClock()
    keys, http = DataKeys(db, vault), Http(allow_private=True)
    accounts = AccountTable(db, vault, keys, clock)
    renewals = Renewals(db, vault, keys, clock, LoginTries(db, vault, clock), seconds=45)
    health = InstanceHealth(db, clock)
    sessions = EhrSessions(accounts, renewals, health, {"sandbox": Sandbox(http)}, clock)

    async def read() -> str:
        try:
            found = await sessions.read(
                await accounts.by_id(account_id), lambda connector, chart: connector.providers(chart)
            )
        except Problem as problem:
            return problem.code
        except DatabaseUnavailable:
            return "unavailable"
        return f"{len(found)} providers"

    try:
        line.send("ready")
        with suppress(EOFError):
            while True:
                command = (await asyncio.to_thread(line.recv)).split()
                if command[0] == "sweep":
                    await sessions.sweep()
                    line.send("swept")
                else:
                    line.send(sorted(set(await asyncio.gather(*(read() for _ in range(int(command[1])))))))
    finally:
        await http.close()
        await db.close()  # a pool that is left open keeps the process from ending
