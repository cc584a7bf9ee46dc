"""Opens Link: its tables, its flows, its pages and routes, and what its workers do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cobalt_link.accounts.room import AccountsRoom
from cobalt_link.developers.room import DevelopersRoom
from cobalt_link.directory.room import DirectoryRoom
from cobalt_link.jobs.room import JobsRoom
from cobalt_link.link.api import ehrs, sandbox
from cobalt_link.link.api import routes as api
from cobalt_link.link.api.link_tokens import LinkTokenApi
from cobalt_link.link.connections import routes as connections
from cobalt_link.link.deps import LinkDeps
from cobalt_link.link.flow.answers import SessionAnswers
from cobalt_link.link.flow.connections import ConnectionsFlow
from cobalt_link.link.flow.ehr_launch import EhrLaunchFlow
from cobalt_link.link.flow.ehr_launches import EhrLaunches
from cobalt_link.link.flow.flow import Flows
from cobalt_link.link.flow.hand_over import HandOver
from cobalt_link.link.flow.linking import LinkFlow
from cobalt_link.link.flow.opening import SessionOpening
from cobalt_link.link.flow.polls import SessionPolls
from cobalt_link.link.flow.progress import SessionProgress
from cobalt_link.link.flow.queue import RUN_SESSION, SessionQueue
from cobalt_link.link.flow.redirects import EhrRedirects
from cobalt_link.link.flow.runner import SessionRunner
from cobalt_link.link.pages import files, launch
from cobalt_link.link.pages import routes as pages
from cobalt_link.link.pages.access import PageAccess
from cobalt_link.link.pages.loading import ContextLoader
from cobalt_link.link.pages.room import HostedPages
from cobalt_link.link.session.browser import Browsers
from cobalt_link.link.session.ehr_requests import EhrRequests
from cobalt_link.link.session.exchange import Exchanges
from cobalt_link.link.session.inspector import inspected
from cobalt_link.link.session.launch_targets import LaunchTargets
from cobalt_link.link.session.launches import LinkLaunches
from cobalt_link.link.session.redirects import LinkRedirects
from cobalt_link.link.session.sessions import LinkSessionTable
from cobalt_link.link.session.tokens import Tokens
from cobalt_link.link.session.upkeep import LinkTables, LinkUpkeep
from cobalt_link.registrations.room import RegistrationsRoom
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.store.database import Database
from cobalt_link.store.turns import one_at_a_time
from cobalt_link.vault import Vault
from cobalt_link.web import Routes
from cobalt_link.webhooks.room import WebhooksRoom

SHREDDING = "shredding of link session keys"
PAGES: tuple[Routes, ...] = (pages.routes, launch.routes, files.routes, connections.routes)
ROUTES: tuple[Routes, ...] = (api.routes, ehrs.routes, sandbox.routes, *PAGES)


class LinkRoom(Room, frozen=True, kw_only=True):
    """`access` decides who may see a page. The others are what tests and the inspector look at."""

    access: PageAccess
    answers: SessionAnswers
    connections: ConnectionsFlow
    requests: EhrRequests
    sessions: LinkSessionTable


def open(  # noqa: A001 - every room opens by this name
    deps: Deps,
    jobs: JobsRoom,
    developers: DevelopersRoom,
    webhooks: WebhooksRoom,
    accounts: AccountsRoom,
    directory: DirectoryRoom,
    registrations: RegistrationsRoom,
) -> LinkRoom:
    """Registers with the queue what workers do for Link."""
    given = _deps(deps, jobs, developers, webhooks, accounts, directory)
    sessions, browsers = LinkSessionTable(deps.db, deps.vault), Browsers(deps.vault)
    tokens = Tokens(deps.db, deps.vault, deps.clock, public_minutes=deps.settings.public_token_minutes)
    requests = EhrRequests(deps.db, deps.clock, sessions, developers.orgs)
    exchanges = Exchanges(deps.db, deps.vault, deps.clock, accounts.access)
    hand_over, connections_flow = HandOver(tokens), ConnectionsFlow(given, sessions)
    launches = LinkLaunches(deps.db, deps.vault)
    linking, launched = LinkFlow(given, sessions, hand_over), EhrLaunchFlow(given, sessions, hand_over, launches)
    flows: Flows = {"link": linking, "ehr_launch": launched, "connections": connections_flow}
    queue, progress = SessionQueue(jobs.queue), SessionProgress(given, sessions)
    polls = SessionPolls(given, sessions, queue)
    runner = SessionRunner(given, sessions, flows, queue, polls)
    jobs.queue.at_end(polls.close)
    jobs.queue.task(RUN_SESSION, runner.__call__, lane=sessions.address_of)
    answers, trips = SessionAnswers(given, sessions, flows, queue, progress), LinkRedirects(deps.db, deps.vault)
    opening = SessionOpening(given, sessions, tokens, browsers, flows, queue)
    room = HostedPages(
        deps=given,
        flows=flows,
        connections=connections_flow,
        browsers=browsers,
        opening=opening,
        launches=EhrLaunches(given, LaunchTargets(deps.db), launches, tokens, opening),
        answers=answers,
        redirects=EhrRedirects(trips, launches, answers, progress, deps.clock),
        trials=registrations.sign_ins,
        progress=progress,
        hand_over=hand_over,
        requests=requests,
        access=PageAccess(given, sessions, flows, browsers),
        loader=ContextLoader(given, flows, browsers, requests),
    )
    tables = LinkTables(
        sessions=sessions, tokens=tokens, exchanges=exchanges, requests=requests, redirects=trips, launches=launches
    )
    return LinkRoom(
        routes=(
            (api.routes, LinkTokenApi(given, sessions, tokens, exchanges, requests)),
            (ehrs.routes, ehrs.LinkableEhrs(given)),
            (sandbox.routes, sandbox.SandboxAccounts(given)),
            *((each, room) for each in PAGES),
        ),
        chores=(*_running(runner, polls), *_upkeep(deps, tables)),
        access=room.access,
        answers=room.answers,
        connections=connections_flow,
        requests=requests,
        sessions=sessions,
    )


def _running(runner: SessionRunner, polls: SessionPolls) -> tuple[Chore, ...]:
    return Chore("link sessions", 5.0, runner.sweep), Chore("polls", 10.0, polls.beat)


def _upkeep(deps: Deps, tables: LinkTables) -> tuple[Chore, ...]:
    kept, life = timedelta(days=deps.settings.retention_days), timedelta(minutes=deps.settings.link_session_minutes)
    upkeep = LinkUpkeep(deps.db, deps.clock, tables, kept=kept, life=life)
    return (
        Chore("expiry", 20.0, upkeep.expire),
        Chore("pruning", 600.0, one_at_a_time(deps.db, "pruning", upkeep.prune)),
        Chore(SHREDDING, 600.0, one_at_a_time(deps.db, SHREDDING, upkeep.shred)),
    )


def _deps(
    deps: Deps,
    jobs: JobsRoom,
    developers: DevelopersRoom,
    webhooks: WebhooksRoom,
    accounts: AccountsRoom,
    directory: DirectoryRoom,
) -> LinkDeps:
    return LinkDeps(
        settings=deps.settings,
        db=deps.db,
        vault=deps.vault,
        clock=deps.clock,
        signals=deps.signals,
        connectors=deps.connectors,
        jobs=jobs.queue,
        webhooks=webhooks.events,
        clients=developers.clients,
        orgs=developers.orgs,
        ehr_domains=developers.ehr_domains,
        accounts=accounts.accounts,
        access=accounts.access,
        ehr_sessions=accounts.sessions,
        health=accounts.health,
        tries=accounts.tries,
        directory=directory.directory,
    )


async def show_session(db: Database, vault: Vault, name: str) -> dict[str, Any]:
    """A session's journal without its contents, by id or by the reference on its pages. Raises NotFound."""
    return await inspected(db, LinkSessionTable(db, vault), name)
