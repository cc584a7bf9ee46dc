"""A process that reads with an account, as a web process does: told what to do by lines on its input.

`read N` reads the schedule N times at once and prints what came out, as JSON. `hold CLIENT TOKEN` looks a token up and
keeps the account, as a request under way does, and `held` reads with it. `sweep` settles abandoned renewals.
"""

import asyncio
import json
import sys
from pathlib import Path

import structlog

from cobalt_link.accounts.access import AccessTokens
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.ehrs import AccountEhrs
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.login_tries import LoginTries
from cobalt_link.accounts.renewals import Renewals
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connectors.sandbox import Sandbox
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.kit.clock import SystemClock
from cobalt_link.net.http import Http
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from cobalt_link.web.problems import Problem


async def main(dsn: str, ring: str, account_id: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    db, vault, clock = await Database.open(dsn), Vault(Keyring.load(Path(ring))), SystemClock()
    keys, http = DataKeys(db, vault), Http(allow_private=True)
    accounts = AccountTable(db, vault, keys, clock)
    renewals = Renewals(db, vault, keys, clock, LoginTries(db, vault, clock), seconds=45)
    health = InstanceHealth(db, clock)
    ehrs = AccountEhrs({"sandbox": Sandbox(http)}, EhrDomains({}, ()))
    sessions = EhrSessions(accounts, renewals, health, ehrs, clock)

    access, held = AccessTokens(db, vault, clock), list[Account | None]()

    async def read(account: Account | None = None) -> str:
        try:
            found = await sessions.read(
                account or await accounts.by_id(account_id), lambda connector, chart: connector.providers(chart)
            )
        except Problem as problem:
            return problem.code
        return f"{len(found)} providers"

    say("ready")
    while line := (await asyncio.to_thread(sys.stdin.readline)).split():
        if line[0] == "sweep":
            await sessions.sweep()
            say("swept")
        elif line[0] == "hold":
            held.append(await access.resolve(line[1], line[2]))
            say(bool(held[-1]))
        elif line[0] == "held":
            say(await read(held[-1]))
        else:
            say(sorted(set(await asyncio.gather(*(read() for _ in range(int(line[1])))))))
    await http.close()
    await db.close()


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
