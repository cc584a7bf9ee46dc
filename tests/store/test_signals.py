import asyncio
import signal

import psycopg
import pytest
from psycopg import AsyncConnection
from tests.store.conftest import Server

from cobalt_link.store import signals as module
from cobalt_link.store.connection import connect
from cobalt_link.store.database import Database, DatabaseUnavailable
from cobalt_link.store.signals import Signals, announce


async def test_a_watcher_wakes_when_the_announcing_transaction_commits(db: Database) -> None:
    async with Signals(db.dsn) as signals:
        with signals.watch("attempt:1") as watch:
            async with db.transaction() as tx:
                await announce(tx, "attempt:1")
                assert not await watch.changed(0.05)
            assert await watch.changed(10)
            assert not await watch.changed(0)


async def test_a_signal_sent_between_entering_and_waiting_is_not_missed(db: Database) -> None:
    async with Signals(db.dsn) as signals:
        with signals.watch("here") as watch, signals.watch("later") as later:
            async with db.transaction() as tx:
                await announce(tx, "here")
            async with db.transaction() as tx:
                await announce(tx, "later")
            assert await later.changed(10)  # so the first one has come as well, and nobody waited for it
            assert await watch.changed(0)


async def test_a_signal_wakes_every_watcher_of_its_topic_and_no_other(db: Database) -> None:
    async with Signals(db.dsn) as signals, Signals(db.dsn) as other_process:
        one, two = signals.watch("a"), signals.watch("a")
        with one as one, two as two, other_process.watch("a") as three, signals.watch("b") as stranger:
            async with db.transaction() as tx:
                await announce(tx, "a")
            assert await one.changed(10) and await two.changed(10) and await three.changed(10)
            assert not await stranger.changed(0)


async def test_nothing_is_announced_by_a_transaction_that_rolls_back(db: Database) -> None:
    async def announce_and_fail() -> None:
        async with db.transaction() as tx:
            await announce(tx, "a")
            raise ZeroDivisionError

    async with Signals(db.dsn) as signals:
        with signals.watch("a") as watch, signals.watch("end") as end:
            with pytest.raises(ZeroDivisionError):
                await announce_and_fail()
            async with db.transaction() as tx:
                await announce(tx, "end")
            assert await end.changed(10)
            assert not await watch.changed(0)


async def test_a_cut_connection_wakes_everyone_and_listening_goes_on(db: Database) -> None:
    async with Signals(db.dsn) as signals:
        with signals.watch("a") as watch:
            await db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'", ())
            assert await watch.changed(10)  # "look again": a signal may have been lost in between
            async with db.transaction() as tx:
                await announce(tx, "a")
            assert await watch.changed(10)


# S-089
async def test_signals_come_back_after_an_outside_server_restarted(outside: Server) -> None:
    async with Signals(outside.dsn) as signals:
        with signals.watch("a") as watch:
            await asyncio.to_thread(outside.stop, signal.SIGQUIT)
            await asyncio.to_thread(outside.start)
            assert await watch.changed(30)
            db = await Database.open(outside.dsn)
            async with db.transaction() as tx:
                await announce(tx, "a")
            assert await watch.changed(10)
            await db.close()


async def test_a_server_that_is_not_there_is_told_at_the_start(outside: Server) -> None:
    outside.stop()
    try:
        with pytest.raises(DatabaseUnavailable):
            await Signals(outside.dsn).start()
    finally:
        outside.start()


async def test_closing_leaves_no_session_behind(db: Database) -> None:
    signals = Signals(db.dsn)
    await signals.start()
    await signals.close()
    await signals.close()
    async with await psycopg.AsyncConnection.connect(db.dsn) as look:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        async with asyncio.timeout(10):
            while (await (await look.execute(query)).fetchone()) != (0,):
                await look.rollback()


class PooledSignals(Signals):
    """As through a transaction pooler, once `pooled`: it takes LISTEN, and delivers nothing to this session."""

    pooled = False

    async def _listen(self) -> AsyncConnection:
        return await connect(self._dsn) if self.pooled else await super()._listen()


async def test_who_does_not_hear_signals_looks_again_twice_a_second(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARD", 0.2)
    monkeypatch.setattr(module, "PROBE", 0.5)
    async with PooledSignals(db.dsn) as signals, asyncio.timeout(20):
        with signals.watch("a") as watch:
            while not signals.heard:
                await asyncio.sleep(0.01)
            assert not await signals.changed(watch, module.LOOK_AGAIN * 2)  # nothing was signaled: no need to look
            signals.pooled = True
            await db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'", ())
            assert await signals.changed(watch, 10)  # one may have been lost meanwhile
            for _ in range(3):
                began = asyncio.get_running_loop().time()
                assert await signals.changed(watch, 10)
                assert asyncio.get_running_loop().time() - began < 5
            assert not signals.heard
