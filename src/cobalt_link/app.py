"""The wiring: the only file that knows every room. Opens them on one database; gives the ASGI app and the worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from cobalt_link.accounts import room as accounts
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.installed import classes
from cobalt_link.developers import room as developers
from cobalt_link.developers.orgs import ehr_offer, ehr_resolver
from cobalt_link.jobs import room as jobs
from cobalt_link.jobs import worker as workers
from cobalt_link.kit.clock import Clock, SystemClock
from cobalt_link.link import room as link
from cobalt_link.mail import room as mail
from cobalt_link.net.http import Http, system_trust
from cobalt_link.records import room as records
from cobalt_link.registrations import room as registrations
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.settings import Settings, load
from cobalt_link.store.database import Database, DatabaseUnavailable
from cobalt_link.store.database_address import open_database_address
from cobalt_link.store.recovery import migrate_after_recovery
from cobalt_link.store.signals import Signals
from cobalt_link.vault import Vault
from cobalt_link.vault.master_key import open_vault
from cobalt_link.web import Auth, Call, CallerCredentials, Routes, mount, openapi, server, system
from cobalt_link.web.metrics import Metrics
from cobalt_link.web.problems import Problem, Unauthorized, Unavailable
from cobalt_link.web.rates import RateLimits
from cobalt_link.webhooks import room as webhooks

log = structlog.get_logger()

TABLE: tuple[Routes, ...] = (
    system.routes,
    *link.ROUTES,
    *accounts.ROUTES,
    *developers.ROUTES,
    *webhooks.ROUTES,
    *registrations.ROUTES,
    *records.ROUTES,
)


@cache
def connector_classes() -> Mapping[str, type[Connector]]:
    """Every installed connector by key: the built-in ones and those of other packages, all by entry point."""
    return {each.manifest.key: each for each in sorted(classes(), key=lambda each: each.manifest.name)}


@cache
def _resolver() -> Callable[[str], str | None]:
    return ehr_resolver(connector_classes())


def resolve_ehr(name: str) -> str | None:
    """The connector that answers to an EHR's name or alias, in any case."""
    return _resolver()(name)


def offers_ehr(key: str, test: bool) -> bool:
    """Whether test clients, or live clients, may link an EHR. `key` is the connector's."""
    return ehr_offer(connector_classes())(key, test)


class House(msgspec.Struct, frozen=True, kw_only=True):
    """All rooms, opened on one database."""

    deps: Deps
    jobs: jobs.JobsRoom
    developers: developers.DevelopersRoom
    mail: mail.MailRoom
    webhooks: webhooks.WebhooksRoom
    registrations: registrations.RegistrationsRoom
    accounts: accounts.AccountsRoom
    link: link.LinkRoom
    records: records.RecordsRoom
    rooms: tuple[Room, ...]
    metrics: Metrics

    @property
    def settings(self) -> Settings:
        return self.deps.settings

    @property
    def db(self) -> Database:
        return self.deps.db

    @property
    def chores(self) -> list[Chore]:
        """What every worker repeats, of all rooms."""
        return [chore for room in self.rooms for chore in room.chores]


@asynccontextmanager
async def opened(settings: Settings, clock: Clock | None = None) -> AsyncIterator[House]:
    """The rooms while the block runs: database reached and migrated, keys read (no key, no start)."""
    clock = clock or SystemClock()
    vault = open_vault(settings)
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(open_database_address(settings))
        await migrate_after_recovery(dsn)
        db = await Database.open(dsn, size=settings.pool_size)
        stack.push_async_callback(db.close)
        signals = await stack.enter_async_context(Signals(dsn))
        trust = system_trust(settings.ca_file)
        http = Http(allow_private=settings.allow_private_networks, proxy=settings.outbound_proxy, tls=trust)
        stack.push_async_callback(http.close)
        known = registrations.registered(settings, clock, db, vault)
        connectors: dict[str, Connector] = {key: each(http, known) for key, each in connector_classes().items()}
        house = _open_rooms(
            Deps(
                settings=settings,
                clock=clock,
                db=db,
                vault=vault,
                signals=signals,
                connectors=connectors,
                trust=trust,
            )
        )
        for room in house.rooms:
            await room.start()
            stack.push_async_callback(room.close)
        yield house


def _open_rooms(deps: Deps) -> House:
    metrics = Metrics()
    job, developer = jobs.open(deps), developers.open(deps)
    post, registration = mail.open(deps, developer), registrations.open(deps)
    webhook = webhooks.open(deps, job, developer, post)
    account = accounts.open(deps, developer, post, webhook)
    linking = link.open(deps, job, developer, webhook, account, registration)
    record = records.open(deps, job, webhook, account, developer)
    return House(
        deps=deps,
        jobs=job,
        developers=developer,
        mail=post,
        webhooks=webhook,
        registrations=registration,
        accounts=account,
        link=linking,
        records=record,
        # The queue last: it wakes workers for the other rooms.
        rooms=(_system(deps, metrics), linking, account, developer, post, webhook, registration, record, job),
        metrics=metrics,
    )


def _system(deps: Deps, metrics: Metrics) -> Room:
    answers = system.System(
        document=lambda: encoded_document(deps.settings.public_url),
        ready=lambda: _ready(deps.db),
        metrics=metrics,
        readers=deps.settings.metrics_from,
    )
    return Room(routes=((system.routes, answers),), chores=(Chore("keyring", 5.0, lambda: _refresh(deps.vault)),))


@cache  # built at the first request, because that takes longer than opening all rooms
def document(public_url: str = "http://127.0.0.1:8420") -> dict[str, Any]:
    """The OpenAPI document of the whole table."""
    rows = [row for routes in TABLE for row in routes]
    return openapi.document(rows, version=version("cobalt-link"), server=public_url)


@cache
def encoded_document(public_url: str) -> msgspec.Raw:
    """The same as JSON. Encoding it takes longer than most requests, and anybody may ask for it."""
    return msgspec.Raw(msgspec.json.encode(document(public_url)))


def asgi(house: House) -> ASGIApp:
    """The ASGI app of an opened house."""
    settings = house.settings
    return mount(
        [pair for room in house.rooms for pair in room.routes],
        authenticate=lambda found, auth, call: _authenticate(house, found, auth, call),
        limits=RateLimits(off=not settings.rate_limits),
        public_url=settings.public_url,
        problems={DatabaseUnavailable: Unavailable},
        clock=house.deps.clock,
        metrics=house.metrics,
        trusted_proxies=settings.trusted_proxies,
        form_token=house.link.access.form_token,
        page_problem=house.link.access.problem,
        admit_page=house.link.access.admit,
    )


@asynccontextmanager
async def serving(house: House) -> AsyncIterator[None]:
    """The ASGI app on the host and port of the settings; ended with grace."""
    settings, signals = house.settings, house.deps.signals
    limits = server.Limits(
        connections=settings.max_connections,
        per_address=settings.max_connections_per_address,
        proxies=settings.trusted_proxies,
    )
    async with AsyncExitStack() as stack:
        if settings.health_port:
            few = server.Limits(connections=64)
            await stack.enter_async_context(server.serving(_health(house), settings.host, settings.health_port, few))
        await stack.enter_async_context(
            server.serving(asgi(house), settings.host, settings.port, limits, house.metrics)
        )
        signals.released = False
        stack.callback(signals.release)
        yield


def _health(house: House) -> ASGIApp:
    """Only the routes of the system."""
    pairs = [pair for room in house.rooms for pair in room.routes if pair[0] is system.routes]
    return mount(pairs, authenticate=lambda found, auth, call: _authenticate(house, found, auth, call))


def serve(settings: Settings, ready: Callable[[], None] | None = None) -> None:
    """Serves and works until SIGINT or SIGTERM; `ready` is called when requests are answered."""

    async def run() -> None:
        async with opened(settings) as house, working(house), serving(house):
            log.info("ready", url=settings.public_url)
            if ready:
                ready()
            await server.until_stopped()

    server.run(run())


def work(settings: Settings) -> None:
    """Works, without serving, until SIGINT or SIGTERM."""

    async def run() -> None:
        async with opened(settings) as house, working(house):
            log.info("working")
            await server.until_stopped()

    server.run(run())


def show_session(settings: Settings, name: str) -> dict[str, Any]:
    """A link session's journal without what it holds, by its id or the reference on its pages."""

    async def run() -> dict[str, Any]:
        async with open_database_address(settings) as dsn:
            db = await Database.open(dsn, size=1)
            try:
                return await link.show_session(db, open_vault(settings), name)
            finally:
                await db.close()

    return asyncio.run(run())


async def worker(house: House) -> None:
    """Does the jobs and chores of an opened house until cancelled."""
    await workers.work(house.jobs.queue, house.chores, concurrency=house.settings.worker_concurrency)


class Application:
    """For other ASGI servers: `uvicorn --factory cobalt_link.app:Application`; settings as for `cobalt serve`."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or load()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            assert self._app is not None
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with opened(self._settings) as house, working(house):
                self._app = asgi(house)
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            kind = "shutdown" if self._app else "startup"
            await send({"type": f"lifespan.{kind}.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def working(house: House) -> AsyncIterator[None]:
    """A worker beside the block; ended with grace afterwards."""
    task = asyncio.create_task(worker(house))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _authenticate(house: House, found: CallerCredentials, auth: Auth, call: Call) -> None:
    client = await house.developers.callers.authenticate(found)
    call.caller = client
    if auth is Auth.ACCOUNT:
        call.account = await house.accounts.access.resolve(client.id, found.access_token or "")
        if call.account is None:
            raise UnknownAccessToken


class UnknownAccessToken(Unauthorized):
    """There is no such access_token for this client. It may have been rotated or disconnected."""


async def _ready(db: Database) -> None:
    await db.one("SELECT 1")


async def _refresh(vault: Vault) -> None:
    vault.refresh()


__all__ = [
    "Application",
    "House",
    "Problem",
    "asgi",
    "document",
    "offers_ehr",
    "opened",
    "resolve_ehr",
    "worker",
    "working",
]
