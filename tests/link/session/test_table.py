"""The table of link sessions alone, without server, worker, or EHR: what each change promises, and to whom.

Beside the session of each test stands one in the same state. Nothing may touch that one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from cobalt_link.connector.panes import Consent, Waiting
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.link.session.browser import Browsers, cookie_name
from cobalt_link.link.session.session import ChosenEhr, LinkSession, NewLinkSession
from cobalt_link.link.session.sessions import LinkSessionTable, close_pane, recall_topic, topic
from cobalt_link.store.database import Database
from cobalt_link.store.signals import Signals, Watch, announce
from cobalt_link.vault import Keyring, Vault

NOW = datetime.now(UTC).replace(microsecond=0)
END = NOW + timedelta(minutes=30)
CHOSEN = ChosenEhr(connector="sandbox", address="https://ehr.example", practice="Summit Ortho")
APP: dict[str, Any] = {"purpose": "link", "client": "client-1", "org": "org-1", "user_id": "user-1"}
NO_APP: dict[str, Any] = {"purpose": "connections"}
VAULT = Vault(Keyring.generate())
PANE = Waiting(number="42")


@pytest.fixture
async def table(db: Database) -> AsyncIterator[LinkSessionTable]:
    """With a bystander, which is polled for as most sessions of these tests are."""
    table = LinkSessionTable(db, VAULT)
    bystander = await polling(table, "bystander")
    before = await rests(table, bystander.id)
    yield table
    assert await rests(table, bystander.id) == before
    assert await table.private_key(bystander) is not None


@pytest.fixture
async def signals(dsn: str) -> AsyncIterator[Signals]:
    async with Signals(dsn) as signals:
        yield signals


async def new(table: LinkSessionTable, id: str = "mine", **asked: Any) -> LinkSession:  # noqa: A002
    opening = NewLinkSession(id=id, link_token=os.urandom(32), created_at=NOW, expires_at=END, **(asked or APP))
    async with table.db.transaction() as tx:
        assert await table.open(tx, opening)
    return await read(table, id)


async def claimed(table: LinkSessionTable, session: LinkSession) -> LinkSession:
    taken = await table.claim(session.id, NOW)
    assert taken is not None
    return taken


async def polling(table: LinkSessionTable, id: str = "mine", *, wake_in: float = 600) -> LinkSession:  # noqa: A002
    session = await claimed(table, await new(table, id))
    async with table.db.transaction() as tx:
        await table.show(tx, session, PANE, 3, CHOSEN, wake_in=wake_in)
    return await read(table, id)


async def taken_over(table: LinkSessionTable) -> LinkSession:
    """As a worker still sees it whose session another worker has claimed since."""
    lost = await polling(table, "lost", wake_in=0)
    await claimed(table, lost)
    return lost


async def read(table: LinkSessionTable, id: str) -> LinkSession:  # noqa: A002
    session = await table.by_id(id)
    assert session is not None
    return session


async def rests(table: LinkSessionTable, id: str) -> dict[str, Any]:  # noqa: A002
    return await table.db.one("SELECT * FROM link_sessions WHERE id = %s", (id,)) or {}


async def keys_erased(table: LinkSessionTable) -> int:
    return (await table.db.one("SELECT count(*) AS n FROM link_session_keys_erased") or {})["n"]


@asynccontextmanager
async def watching(table: LinkSessionTable, signals: Signals, *topics: str) -> AsyncIterator[list[Watch]]:
    """Watches topics from now on. Signals arrive in the order of their commits, so after a mark no older one does."""
    with ExitStack() as stack:
        [mark, *watches] = [stack.enter_context(signals.watch(each, alone=True)) for each in ("mark", *topics)]
        async with table.db.transaction() as tx:
            await announce(tx, "mark")
        assert await mark.changed(5)
        for each in watches:
            await each.changed(0)
        yield watches


async def test_a_session_is_extended_once_and_only_while_it_is_open(table: LinkSessionTable) -> None:
    session, later = await new(table), END + timedelta(minutes=10)
    assert not await table.extend(session, END, later), "It had ended by then."
    assert (await read(table, session.id)).expires_at == END
    assert await table.extend(session, END - timedelta(seconds=1), later)
    assert not await table.extend(session, NOW, later + timedelta(hours=1))
    extended = await read(table, session.id)
    assert (extended.expires_at, extended.extended) == (later, True)
    left = await new(table, "left")
    async with table.db.transaction() as tx:
        assert await table.leave(tx, left, NOW)
    assert not await table.extend(left, NOW, later)
    assert (await read(table, left.id)).expires_at == END


async def test_a_sign_in_to_see_connections_keeps_the_accounts_and_no_key(
    table: LinkSessionTable, signals: Signals
) -> None:  # S-064
    session, until = await claimed(table, await new(table, **NO_APP)), NOW + timedelta(minutes=10)
    found = {"accounts": ["acc_1", "acc_2"], "ehr_user_name": "Dr. Who", "found": CHOSEN, "now": NOW, "until": until}
    assert await table.private_key(session) is not None
    async with watching(table, signals, topic(session.id)) as [changed]:
        async with table.db.transaction() as tx:
            await table.sign_in(tx, session, **found)
        assert await changed.changed(5)
    settled = await read(table, session.id)
    assert (settled.state, settled.accounts, settled.ehr_user_name) == ("signed_in", ["acc_1", "acc_2"], "Dr. Who")
    assert (settled.expires_at, settled.settled_at, settled.chosen) == (until, NOW, CHOSEN)
    assert (settled.claim, settled.pane, settled.username, settled.version) == (None, None, None, session.version + 1)
    assert await table.private_key(session) is None
    assert await keys_erased(table) == 1
    with pytest.raises(LostClaim):
        async with table.db.transaction() as tx:
            await table.sign_in(tx, session, **{**found, "accounts": ["acc_3"]})
    assert (await read(table, session.id)).accounts == ["acc_1", "acc_2"]


@pytest.mark.parametrize(("keep_n", "consented_n"), [(0, None), (2, None), (3, 3), (4, 3)])
async def test_a_sign_in_that_starts_over_says_why_and_asks_for_consent_again_if_that_is_gone(
    table: LinkSessionTable, signals: Signals, keep_n: int, consented_n: int | None
) -> None:  # S-144
    session = await claimed(table, await new(table))
    async with table.db.transaction() as tx:
        await table.show(tx, session, Consent(), 3, CHOSEN)
    seen = await read(table, session.id)
    async with table.db.transaction() as tx:
        assert await table.accept(tx, seen, consented=True, now=NOW, until=END)
    running = await claimed(table, seen)
    assert running.consented_n == 3
    async with watching(table, signals, topic(session.id)) as [changed]:
        async with table.db.transaction() as tx:
            await table.restart(tx, running, CHOSEN, "started_over", keep_n=keep_n)
        assert await changed.changed(5)
    due = await read(table, session.id)
    assert (due.state, due.notice, due.consented_n) == ("due", "started_over", consented_n)
    assert (due.pane, due.claim, due.chosen, due.version) == (None, None, CHOSEN, running.version + 1)
    with pytest.raises(LostClaim):
        async with table.db.transaction() as tx:
            await table.restart(tx, running, CHOSEN, "again", keep_n=0)


async def test_a_polled_session_runs_at_once_and_keeps_its_pane_unless_it_has_changed(table: LinkSessionTable) -> None:
    session = await polling(table)
    assert session.id not in dict(await table.due(NOW))
    for expected in (True, False):
        async with table.db.transaction() as tx:
            assert await table.run_now(tx, session) is expected
    due = await read(table, session.id)
    assert (due.state, due.pane, due.version) == ("due", PANE, session.version + 1)
    assert await table.due(NOW) == [(session.id, CHOSEN.address)]


async def test_the_language_and_the_ehr_are_those_of_the_session(table: LinkSessionTable) -> None:
    session = await new(table)
    await table.set_locale(session.id, "es")
    assert (await read(table, session.id)).locale == "es"
    assert await table.address_of(session.id) is None, "No EHR was chosen yet."
    assert await table.address_of("bystander") == CHOSEN.address
    assert await table.address_of("nobody's") is None


async def test_a_process_keeps_the_sessions_that_it_still_has_and_no_others(table: LinkSessionTable) -> None:
    mine, lost = await polling(table, wake_in=0), await taken_over(table)
    assert mine.id in dict(await table.due(NOW))
    held = {each.id: each.claim or 0 for each in (mine, lost)}
    before = await rests(table, lost.id)
    assert await table.keep_polling(held, 600) == {mine.id: END}
    assert await table.due(NOW) == []
    assert await rests(table, lost.id) == before
    assert await table.keep_polling(held, 0) == {mine.id: END}
    assert mine.id in dict(await table.due(NOW)), "The lease is as long as it was asked for."


async def test_sessions_that_a_process_gives_back_are_due_for_any_worker_then(
    table: LinkSessionTable, signals: Signals
) -> None:
    mine, lost = await polling(table), await taken_over(table)
    held = {each.id: each.claim or 0 for each in (mine, lost)}
    before = await rests(table, lost.id)
    async with watching(table, signals, topic(mine.id), topic(lost.id)) as [changed, other]:
        await table.stop_polling(held, 0)
        assert await changed.changed(5)
        assert not await other.changed(0)
    assert await rests(table, lost.id) == before
    given_back = await read(table, mine.id)
    assert (given_back.state, given_back.claim, given_back.pane) == ("polling", None, PANE)
    assert await table.due(NOW) == [(mine.id, CHOSEN.address)]
    later = await polling(table, "later", wake_in=0)
    await table.stop_polling({later.id: later.claim or 0}, 600)
    assert later.id not in dict(await table.due(NOW))
    async with table.db.transaction() as tx:
        assert await table.accept(tx, await read(table, later.id), consented=False, now=NOW, until=END)


async def test_a_poll_that_ends_the_wait_closes_the_pane_once(table: LinkSessionTable, signals: Signals) -> None:
    session = await polling(table)
    async with watching(table, signals, topic(session.id)) as [changed]:
        async with table.db.transaction() as tx:
            await table.polled(tx, session)
        assert await changed.changed(5)
    due = await read(table, session.id)
    assert (due.state, due.pane, due.claim, due.version) == ("due", None, None, session.version + 1)
    for stale in (session, await taken_over(table)):
        before = await rests(table, stale.id)
        with pytest.raises(LostClaim):
            async with table.db.transaction() as tx:
                await table.polled(tx, stale)
        assert await rests(table, stale.id) == before
    async with table.db.transaction() as tx:
        assert not await table.accept(tx, session, consented=False, now=NOW, until=END), "The answer comes too late."


async def test_a_poll_that_the_transaction_takes_back_has_not_ended_the_wait(table: LinkSessionTable) -> None:
    session = await polling(table)
    before = await rests(table, session.id)
    async with table.db.transaction() as tx:
        await table.polled(tx, session)
        raise psycopg.Rollback
    assert await rests(table, session.id) == before


async def test_only_the_process_that_polls_for_the_session_is_asked_to_stop(
    table: LinkSessionTable, signals: Signals
) -> None:
    session = await polling(table)
    topics = (recall_topic(session.id), topic(session.id), recall_topic("bystander"))
    async with watching(table, signals, *topics) as [recalled, pages, other]:
        await table.recall(session)
        assert await recalled.changed(5)
        assert not await pages.changed(0) and not await other.changed(0)


async def test_a_pane_whose_wait_is_over_takes_no_answer_and_another_pane_stays(table: LinkSessionTable) -> None:
    session, lost = await polling(table), await taken_over(table)
    for stale, n in ((session, 2), (lost, 3)):
        before = await rests(table, stale.id)
        async with table.db.transaction() as tx:
            await close_pane(tx, stale, n)
        assert await rests(table, stale.id) == before
    async with table.db.transaction() as tx:
        await close_pane(tx, session, 3)
    closed = await read(table, session.id)
    assert (closed.pane, closed.version, closed.claim) == (None, session.version + 1, session.claim)
    async with table.db.transaction() as tx:
        assert not await table.accept(tx, session, consented=False, now=NOW, until=END)


async def test_a_form_token_is_good_for_its_browser_and_session_only(table: LinkSessionTable) -> None:  # S-118
    browsers = Browsers(VAULT)
    mine, other = await new(table), await new(table, "other")
    secrets = {each.id: browsers.new_secret(each.id) for each in (mine, other)}
    cookies = {cookie_name(name): secret for name, secret in secrets.items()}
    seen, of_other = browsers.seen(mine, cookies), browsers.seen(other, cookies)
    assert seen and of_other
    token = browsers.form_token(seen)
    assert browsers.is_form_token(mine, cookies, token)
    strangers = {cookie_name(mine.id): browsers.new_secret(mine.id)}
    refused = [
        (mine, {}, token),  # no cookie
        (mine, {cookie_name(mine.id): "made up"}, token),
        (mine, {cookie_name(mine.id): secrets[other.id]}, token),
        (mine, strangers, token),
        (other, cookies, token),
        (mine, cookies, browsers.form_token(of_other)),
        (mine, cookies, ""),
        (mine, cookies, token[:-1]),
        (mine, cookies, "\ud800"),  # half of a surrogate pair, which UTF-8 does not have
    ]
    assert [browsers.is_form_token(*each) for each in refused] == [False] * len(refused)
