"""Every sealed value of the schema, with the code that opens it in earnest, and a use of the house that makes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast

from psycopg import sql
from psycopg.errors import ProgramLimitExceeded

from cobalt_link.app import House
from cobalt_link.connector import Secret
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.link.session.journal import DurableJournal
from cobalt_link.link.session.launches import EhrLaunch, LinkLaunches
from cobalt_link.link.session.session import NewLinkSession
from cobalt_link.link.session.tokens import Tokens, sealed_token_context
from cobalt_link.oauth.registration import AuthMethod
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.writes.sealing import JobSeals
from cobalt_link.records.writes.table import WriteJobs
from cobalt_link.registrations.doctor.sign_ins import answer_context
from cobalt_link.registrations.registrations import RegistrationChange
from cobalt_link.store.database import Row
from cobalt_link.vault import Context, VaultError
from cobalt_link.webhooks import endpoints, verification_keys
from cobalt_link.webhooks.events import payload_context
from tests.support.text_browser import link_by_http, public_token_by_http
from tests.support.world import Shop, connected

COLUMNS = """
SELECT table_name || '.' || column_name AS name
FROM information_schema.columns JOIN pg_class ON relname = table_name AND NOT relispartition
WHERE table_schema = 'public' AND data_type = 'bytea' AND column_name ~ 'sealed|wrapped'"""
ISSUER, SECRET = "https://ehr.example/fhir", "secret of a registration"
KEYS = {
    "accounts": ("id",),
    "data_keys": ("owner",),
    "record_ids": ("org", "id"),
    "link_tokens": ("hash",),
    "link_display_names": ("link_token",),
    "link_session_keys": ("link_session",),
    "link_launches": ("launch",),
    "journal": ("link_session", "n"),
    "exchanges": ("client", "key_hash"),
    "webhook_endpoints": ("id",),
    "webhook_events": ("id",),
    "write_jobs": ("id",),
    "receipt_keys": ("kid",),
    "webhook_keys": ("kid",),
    "sync_accounts": ("account",),
    "registrations": ("id",),
    "registration_keys": ("kid",),
    "registration_sign_ins": ("state",),
}
ONE_FOR_ALL = ("receipt_keys", "webhook_keys")

Open = Callable[[Row], Awaitable[object]]


class KeptExchange(NamedTuple):
    """An exchange whose answer is kept, so that it can be asked for again."""

    shop: Shop
    public_token: str
    key: str

    async def answer(self, house: House) -> str:
        async with connected(house) as http:
            answer = await Shop(self.shop.record, self.shop.secret, http).exchange(self.public_token, self.key)
        if answer.status_code != 200:
            raise VaultError
        return answer.json()["access_token"]


Kept = dict[bytes, KeptExchange]  # by the hash of the key


class Cell(NamedTuple):
    """One sealed value, and how the product opens it."""

    table: str
    column: str
    row: Row
    open: Open

    async def put(self, house: House, value: bytes) -> None:
        where = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in KEYS[self.table])
        update = sql.SQL("UPDATE {} SET {} = %s WHERE {}").format(
            sql.Identifier(self.table), sql.Identifier(self.column), where
        )
        async with house.db.connection() as connection:
            where_values = [self.row[name] for name in KEYS[self.table]]
            try:
                await connection.execute(update, [value, *where_values])
            except ProgramLimitExceeded:  # a column for short values, which takes no whole schedule
                await connection.execute(update, [value[:1000], *where_values])

    async def opens(self) -> bool:
        try:
            await self.open(self.row)
        except VaultError:
            return False
        return True

    async def plaintext(self) -> object:
        return await self.open(self.row)

    def __str__(self) -> str:
        return f"{self.table}.{self.column} {[self.row[name] for name in KEYS[self.table]]}"


class Openers:
    """How each sealed column is opened, by the code that opens it in earnest."""

    def __init__(self, house: House, kept: Kept) -> None:
        self.house = house
        self.kept = kept
        self.by_column: dict[str, Open] = {
            "accounts.sealed_grant": self.account,
            "accounts.sealed_answers": self.account,
            "accounts.sealed_ehr_user": self.ehr_user,
            "data_keys.wrapped": self.data_key,
            "record_ids.sealed_ehr_id": self.record_id,
            "link_tokens.sealed_access_token": self.access_token,
            "link_display_names.sealed": self.display_name,
            "link_session_keys.sealed": lambda row: self.private_key(row["link_session"]),
            "link_launches.sealed_launch": self.launch,
            "journal.sealed": self.journal,
            "exchanges.sealed_answer": self.answer,
            "webhook_endpoints.sealed_url": self.webhook,
            "webhook_endpoints.sealed_secret": self.webhook,
            "webhook_endpoints.sealed_former_secret": self.webhook,
            "webhook_events.sealed_payload": self.event,
            "write_jobs.sealed_request": self.job,
            "write_jobs.sealed_result": self.job,
            "receipt_keys.sealed_private": self.receipt_key,
            "webhook_keys.sealed_private": self.webhook_key,
            "sync_accounts.sealed_digests": self.schedule,
            "registrations.sealed_secret": lambda row: self.registration(row["id"]),
            "registration_keys.sealed_private": lambda row: self.registration(row["registration"]),
            "registration_sign_ins.sealed_answer": self.trial,
        }

    async def registration(self, name: str) -> object:
        registrations = self.house.registrations.registrations
        proof = await registrations.app(await registrations.find(name), ISSUER).prove(ISSUER)
        return proof.headers or len(proof.form["client_assertion"])  # no two assertions are equal

    async def trial(self, row: Row) -> object:
        key = await self.house.accounts.keys.get(f"registration:{row['registration']}")
        now = await self.house.db.one("SELECT * FROM registration_sign_ins WHERE state = %s", (row["state"],))
        assert key and now
        return key.open(now["sealed_answer"], answer_context(row["registration"], row["state"]))

    async def webhook(self, row: Row) -> object:
        key = await self.house.accounts.keys.get(endpoints.owner(row["client"]))
        now = await self.house.db.one("SELECT * FROM webhook_endpoints WHERE id = %s", (row["id"],))
        assert key and now
        found = endpoints.opened(key, now)
        return found.url, found.secret, found.former

    async def event(self, row: Row) -> object:
        now = await self.house.db.one("SELECT * FROM webhook_events WHERE id = %s", (row["id"],))
        key = await self.house.accounts.keys.get(row["owner"])
        assert key and now
        return key.open(now["sealed_payload"], payload_context(row["client"], row["id"]))

    async def job(self, row: Row) -> object:
        job = await WriteJobs(self.house.db).get(row["client"], row["id"])
        assert job
        seals = JobSeals(self.house.accounts.keys)
        return await seals.asked(job), await seals.result(job)

    async def receipt_key(self, row: Row) -> object:
        now = await self.house.db.one("SELECT * FROM receipt_keys WHERE kid = %s", (row["kid"],))
        assert now
        return self.house.deps.vault.open(now["sealed_private"], Context("receipt_keys", "", row["kid"], "private"))

    async def webhook_key(self, row: Row) -> object:
        now = await self.house.db.one("SELECT * FROM webhook_keys WHERE kid = %s", (row["kid"],))
        key = await self.house.accounts.keys.get(verification_keys.OWNER)
        assert key and now
        return key.open(now["sealed_private"], verification_keys.context(row["kid"]))

    async def schedule(self, row: Row) -> object:
        now = await self.house.db.one("SELECT * FROM sync_accounts WHERE account = %s", (row["account"],))
        key = await self.house.accounts.keys.get(f"account:{row['account']}")
        assert key and now
        return key.open(now["sealed_digests"], Context("sync_accounts", row["client"], row["account"], "digests"))

    async def ehr_user(self, row: Row) -> object:
        account = await self.house.accounts.accounts.by_id(row["id"])
        name = (await self.house.accounts.accounts.details([account]))[account.id].ehr_user_name
        if name is None:  # a name that does not open is left out of the list
            raise VaultError
        return name

    async def account(self, row: Row) -> object:
        account = await self.house.accounts.accounts.by_id(row["id"])
        opened = await self.house.accounts.accounts.opened(account, "test")
        return opened.user, opened.chart.session, opened.known, opened.answers

    async def data_key(self, row: Row) -> object:
        key = await self.house.accounts.keys.get(row["owner"])
        assert key
        return key.id

    async def record_id(self, row: Row) -> object:
        found = await self.house.db.one("SELECT id FROM accounts WHERE org = %s LIMIT 1", (row["org"],))
        assert found
        account = await self.house.accounts.accounts.by_id(found["id"])
        ids = RecordIds(self.house.db, self.house.accounts.keys)
        ehr_id = await ids.resolve(account, row["kind"], row["id"])
        assert ehr_id
        return ehr_id

    async def access_token(self, row: Row) -> object:
        now = await self.house.db.one(
            "SELECT sealed_access_token AS s FROM link_tokens WHERE hash = %s", (row["hash"],)
        )
        assert now
        return self.house.deps.vault.open(now["s"], sealed_token_context(row["client"], row["hash"]))

    async def display_name(self, row: Row) -> object:
        session = await self.house.link.sessions.of_link_token(row["link_token"])
        assert session
        tokens = Tokens(self.house.db, self.house.deps.vault, self.house.deps.clock, public_minutes=30)
        return await tokens.display_name(session)

    async def launch(self, row: Row) -> object:
        session = await self.house.link.sessions.by_id(row["link_session"])
        assert session
        return await LinkLaunches(self.house.db, self.house.deps.vault).value(session)

    async def private_key(self, session_id: str) -> bytes:
        session = await self.house.link.sessions.by_id(session_id)
        assert session
        key = await self.house.link.sessions.private_key(session)
        assert key
        return key

    async def journal(self, row: Row) -> object:
        session = await self.house.link.sessions.by_id(row["link_session"])
        assert session
        key = await self.private_key(row["link_session"])
        return await DurableJournal(self.house.db, session, key, self.house.deps.clock.now).read()

    async def answer(self, row: Row) -> object:
        return await self.kept[row["key_hash"]].answer(self.house)


async def use_everything(house: House, shop: Shop, org: str, kept: Kept) -> list[str]:
    """Link, exchange with an Idempotency-Key, read a chart, begin a repair, and leave another sign-in half done.

    Returns what may rest nowhere in the clear."""
    link = await shop.link_token(org_id=org)
    async with connected(house) as http:
        public_token = await public_token_by_http(http, link)
    token = (await shop.exchange(public_token, key=f"key-of-{org}")).json()["access_token"]
    key_hash = house.deps.vault.fingerprint("idempotency_key", f"key-of-{org}", shop.record.id)
    kept[key_hash] = KeptExchange(shop, public_token, f"key-of-{org}")
    read = await shop.call("GET", "/v1/locations", access_token=token)
    assert read.status_code == 200, read.text
    await write_and_be_told(house, shop, org, token)
    await register(house, org)
    repairs = await shop.link_token(access_token=token)
    async with connected(house) as http:
        await link_by_http(
            http, await shop.link_token(org_id=org, display_name=f"for ann of {org}"), until="credentials"
        )
    await be_launched(house, shop, f"launch of {org}")
    return [
        shop.secret, link, public_token, token, repairs, f"key-of-{org}", f"for ann of {org}", f"launch of {org}",
        "pass_good", SECRET,
    ]  # fmt: skip


async def register(house: House, org: str) -> None:
    """Two app registrations at EHRs, one with a secret and one with a key, and a sign-in that tests one."""
    kept, kinds = house.registrations, {"secret": "client_secret_basic", "key": "private_key_jwt"}
    for name, method in kinds.items():
        known = RegistrationChange(client_id="app", secret=SECRET if name == "secret" else None, algorithm="ES384")
        address = f"{ISSUER}/{org}/{name}"
        await kept.registrations.add(f"{org}-{name}", "other", cast(AuthMethod, method), address, known)
    state = await kept.sign_ins.begin(f"{org}-key")
    assert await kept.sign_ins.take(f"{org}-key", state, RedirectAnswer(code=Secret(SECRET)))


async def be_launched(house: House, shop: Shop, value: str) -> None:
    """As if an EHR had launched the shop's latest link session."""
    row = await house.db.one(
        "SELECT id, link_token, client, created_at, expires_at FROM link_sessions WHERE client = %s"
        " ORDER BY created_at DESC LIMIT 1",
        (shop.record.id,),
    )
    assert row
    launch = EhrLaunch(connector="smart", address="https://ehr.example/fhir", value=value)
    async with house.db.transaction() as tx:
        assert await LinkLaunches(house.db, house.deps.vault).begin(tx, NewLinkSession(**row), launch)


async def write_and_be_told(house: House, shop: Shop, org: str, token: str) -> None:
    """A webhook whose secret was rotated, a write with its event and receipt, and a schedule that is read."""
    await shop.call("POST", "/v1/webhook", json={"url": f"http://127.0.0.1:9/{shop.record.id}/{org}"})
    assert (await shop.call("POST", "/v1/webhook/rotate-secret")).status_code == 200
    assert (await shop.call("GET", "/.well-known/webhooks-jwks.json")).status_code == 200
    providers = (await shop.call("GET", "/v1/providers", access_token=token)).json()["providers"]
    message = {"provider": providers[0]["ehr_id"], "subject": "Hello", "message": "Good morning"}
    sent = await shop.call("POST", "/v1/messages", access_token=token, json=message)
    job = (await shop.call("GET", f"/v1/jobs/{sent.json()['job_id']}", params={"wait": 30})).json()["job"]
    assert job["settled"], job
    assert (await shop.call("POST", f"/v1/accounts/{job['account_id']}/sync", json={"sync": True})).is_success
    await house.records.schedules(account=job["account_id"])


async def sealed_cells(openers: Openers, each: int) -> list[Cell]:
    """So many values of each sealed column at most, and of every one two at least."""
    house, found = openers.house, list[Cell]()
    names = [row["name"] for row in await house.db.rows(COLUMNS)]
    assert sorted(names) == sorted(openers.by_column), "a column of this schema is not tried here"
    for name in names:
        table, column = name.split(".")
        select = sql.SQL("SELECT * FROM {} t WHERE {} IS NOT NULL AND {} ORDER BY random() LIMIT {}")
        # The journal of a session that has ended opens no more.
        living = "EXISTS (SELECT FROM link_session_keys k WHERE k.link_session = t.link_session)"
        condition = sql.SQL(living if table == "journal" else "true")
        async with house.db.connection() as connection:
            query = select.format(sql.Identifier(table), sql.Identifier(column), condition, each)
            rows = await (await connection.execute(query)).fetchall()
        assert len(rows) >= (1 if table in ONE_FOR_ALL else 2), name
        found += [Cell(table, column, row, openers.by_column[name]) for row in rows]
    return found
