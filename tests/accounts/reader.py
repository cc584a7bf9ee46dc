"""A process that reads with an account, as a web process does: told what to do through a pipe.

`read N` reads the schedule N times at once and sends what came out. `hold CLIENT TOKEN` looks a token up and keeps the
account, as a request under way does, and `held` reads with it. `sweep` settles abandoned renewals.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.ehrs import AccountEhrs
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.login_tries import LoginTries
from cobalt_link.accounts.renewals import Renewals
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector import AppRegistration, NoRegistrations
from cobalt_link.connectors.sandbox import Sandbox
from cobalt_link.connectors.smart import Smart
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.kit.clock import SystemClock
from cobalt_link.net.http import Http
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, DatabaseUnavailable
from cobalt_link.vault import Keyring, Vault
from cobalt_link.web.problems import Problem
from tests.support.ehrs.smart import App


class Anywhere(NoRegistrations):
    """The same app at every address."""

    async def at(self, address: str) -> AppRegistration:
        return App(address)


async def providers(connector: Any, chart: Any) -> list[Any]:
    found = connector.providers(chart)
    return [each async for each in found] if isinstance(found, AsyncIterator) else await found


def run(line: Connection, dsn: str, ring: str, account_id: str) -> None:
    asyncio.run(serve(line, dsn, ring, account_id))


async def serve(line: Connection, dsn: str, ring: str, account_id: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    db, vault, clock = await Database.open(dsn), Vault(Keyring.load(Path(ring))), SystemClock()
    keys, http = DataKeys(db, vault), Http(allow_private=True)
    accounts = AccountTable(db, vault, keys, clock)
    renewals = Renewals(db, vault, keys, clock, LoginTries(db, vault, clock), seconds=45)
    health = InstanceHealth(db, clock)
    ehrs = AccountEhrs({"sandbox": Sandbox(http), "smart": Smart(http, Anywhere())}, EhrDomains({}, ()))
    sessions = EhrSessions(accounts, renewals, health, ehrs, clock)
    access, held = AccessTokens(db, vault, clock), list[Account | None]()

    async def read(account: Account | None = None) -> str:
        try:
            found = await sessions.read(account or await accounts.by_id(account_id), providers)
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
                elif command[0] == "hold":
                    held.append(await access.resolve(command[1], command[2]))
                    line.send(bool(held[-1]))
                elif command[0] == "held":
                    line.send(await read(held[-1]))
                else:
                    line.send(sorted(set(await asyncio.gather(*(read() for _ in range(int(command[1])))))))
    finally:
        await http.close()
        await db.close()  # a pool that is left open keeps the process from ending
