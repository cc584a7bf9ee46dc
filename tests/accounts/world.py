"""One small world: acme and its rival, a clinic of each, Dr. Ann at the tiny EHR, and all that keeps accounts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cobalt_link.accounts.access import ISSUE, AccessTokens
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.brake import ANSWERED
from cobalt_link.accounts.ehrs import AccountEhrs
from cobalt_link.accounts.instance_health import InstanceHealth
from cobalt_link.accounts.login_tries import LoginTries
from cobalt_link.accounts.renewals import Renewals
from cobalt_link.accounts.sessions import EhrSessions, RenewalTimes
from cobalt_link.accounts.table import AccountTable
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import CredentialsAnswer
from cobalt_link.connector.secrets import Secret
from cobalt_link.developers.clients import Client, Clients
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.developers.orgs import Org, Orgs
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import MovedClock
from cobalt_link.signin.replay import encoded
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from tests.accounts.tiny import TinyConnector, TinyEhr

DOCTORS = ["Doe, John"]  # whom the tiny EHR has
PLACE = EhrInstance(address="https://tiny.example", practice="Riverside")


async def names(connector: TinyConnector, chart: Chart) -> list[str]:
    return [provider.name for provider in await connector.providers(chart)]


async def issued(db: Database, access: AccessTokens, account: str, client: str, token: str) -> None:
    """Makes a token count, as the exchange does."""
    sql = f"WITH issues AS (SELECT %(account)s AS account, %(client)s AS client, %(hash)s::bytea AS hash) {ISSUE}"
    hashed = access.fingerprint(token)
    await db.run(sql, {"account": account, "client": client, "hash": hashed, "now": datetime.now(UTC)})


class World:
    """Wired as the app wires it, without the app."""

    def __init__(
        self, db: Database, ring: Keyring | None = None, connectors: dict[str, Connector] | None = None
    ) -> None:
        self.db = db
        self.clock = MovedClock()
        self.ring = ring or Keyring.generate()
        self.vault = Vault(self.ring)
        self.ehr = TinyEhr()
        self.connectors: dict[str, Connector] = connectors or {"tiny": TinyConnector(self.ehr)}
        self.keys = DataKeys(db, self.vault)
        self.clients = Clients(db, self.vault, self.clock)
        self.domains = EhrDomains({}, ())
        self.orgs = Orgs(db, self.clock, lambda name: "tiny", self.domains)
        self.accounts = AccountTable(db, self.vault, self.keys, self.clock)
        self.access = AccessTokens(db, self.vault, self.clock)
        self.tries = LoginTries(db, self.vault, self.clock)
        self.sessions = self.new_sessions()

    def new_sessions(self, **seconds: float) -> EhrSessions:
        """As another process would have them; `seconds` as in `RenewalTimes`."""
        times = RenewalTimes(**seconds)
        renewals, health = (
            Renewals(self.db, self.vault, self.keys, self.clock, self.tries, seconds=times.lease),
            InstanceHealth(self.db, self.clock),
        )
        return EhrSessions(
            self.accounts, renewals, health, AccountEhrs(self.connectors, self.domains), self.clock, times
        )

    async def client(self, name: str = "Acme Scribe") -> Client:
        return (await self.clients.create(name, test=True))[0]

    async def org(self, client: Client, org_id: str = "riverside") -> Org:
        return await self.orgs.ensure(client, org_id)

    async def known(self, client: str, org_id: str = "riverside") -> Org:
        """An org that is there; `client` is our id of it."""
        found = await self.orgs.known(client, org_id)
        assert found is not None
        return found

    async def keep(self, org: Org, user_id: str = "dr_ann", **changes: Any) -> Account:
        wanted: dict[str, Any] = {
            "client": org.client, "org": org.id, "org_id": org.org_id, "user_id": user_id, "connector": "tiny",
            "instance": PLACE, "grant": self.grant(), "answers": answers(self.ehr.password), **changes,
        }  # fmt: skip
        async with self.db.transaction() as tx:
            return await self.accounts.keep(tx, **wanted)

    async def linked(self, name: str = "Acme Scribe") -> tuple[Client, Account]:
        client = await self.client(name)
        return client, await self.keep(await self.org(client))

    async def token(self, account: Account) -> str:
        token = tokens.mint(tokens.ACCESS, "test")
        await issued(self.db, self.access, account.id, account.client, token)
        return token

    async def holder(self, client: Client, token: str) -> Account:
        """The account that a living access token belongs to."""
        found = await self.access.resolve(client.id, token)
        assert found is not None
        return found

    def grant(self, user: str | None = None, tenant: str = "") -> Grant:
        who = EhrUser(id=user or self.ehr.user, username="ann", name="Dr. Ann")
        return Grant(
            user=who, tenant=tenant, practice="Riverside", session={"number": self.ehr.session}, known={"seen": True}
        )

    async def die_in_a_sign_in(self, account: Account) -> None:
        """A process that signs in and is gone before it could write anything down."""
        sessions = self.new_sessions()
        self.ehr.gate.clear()
        self.ehr.knocked.clear()
        call = asyncio.create_task(sessions.read(account, names))
        await self.ehr.knocked.wait()
        (flight,) = sessions._flights.values()
        flight.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        self.ehr.gate.set()
        await self.db.run("UPDATE accounts SET claimed_until = clock_timestamp() - interval '1 second' WHERE claim > 0")
        self.clock.move(ANSWERED)  # until then the brake takes the try for one that is under way

    async def again(self, account: Account) -> Account:
        """The account as it is now."""
        return await self.accounts.by_id(account.id)

    async def row(self, account: Account) -> dict[str, Any]:
        return await self.db.one("SELECT * FROM accounts WHERE id = %s", (account.id,)) or {}

    async def trail(self, account: Account) -> list[str]:
        rows = await self.db.rows("SELECT what FROM audit WHERE account = %s ORDER BY id", (account.id,))
        return [row["what"] for row in rows]

    def later(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))


def answers(password: str) -> dict[str, bytes]:
    return {"credentials": encoded(CredentialsAnswer(username="ann", password=Secret(password)))}
