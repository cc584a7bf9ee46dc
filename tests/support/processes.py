"""Our server and worker as processes of their own, on the database of a test: to be killed, stopped and raced.

They are forked from a clean process that has everything imported, so that one costs tenths of a second.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Literal

from cobalt_link import app
from cobalt_link.jobs import worker
from cobalt_link.kit.clock import SystemClock
from cobalt_link.link.flow import runner
from cobalt_link.link.flow.queue import RUN_SESSION
from cobalt_link.link.session.journal import DurableJournal
from cobalt_link.records.writes import run
from cobalt_link.settings import Settings, load
from cobalt_link.signin.journal import JournalEntry
from cobalt_link.web import server
from tests.support.write_moments import WriteMoment, signal_at

Moment = Literal["before", "begun", "done", "recorded"]

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.support.processes", "tests.support.commands"])


class Running:
    """A process that was started here. It is gone when the block ends."""

    def __init__(self, process: Any, said: Connection) -> None:
        self._process = process
        self._said = said
        self.pid: int = process.pid

    async def ready(self) -> None:
        """Until it has opened its rooms."""
        await self.says("ready")

    async def says(self, word: str) -> None:
        heard = await asyncio.to_thread(self._hear)
        assert heard == word, f"The process said {heard!r} instead of {word!r}."

    async def ended(self) -> int:
        """Its exit code; -9 if it was killed."""
        await asyncio.to_thread(self._process.join, 60)
        assert self._process.exitcode is not None, "The process is still running."
        return self._process.exitcode

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def close(self) -> None:
        # It may end by itself in this very moment.
        with suppress(ProcessLookupError):
            if self._process.is_alive():
                self.kill()
        self._process.join()
        self._said.close()

    def _hear(self) -> str:
        try:
            return self._said.recv() if self._said.poll(60) else "nothing for a minute"
        except EOFError:
            return "its last word"


@contextmanager
def a_worker(
    settings: Settings,
    *,
    crash: tuple[Moment, str] | None = None,
    write: tuple[WriteMoment, signal.Signals] | None = None,
    limits: dict[str, float] | None = None,
) -> Iterator[Running]:
    """A worker; it kills itself at the `crash`: before, begun, done or recorded, of the step of that name. At a moment
    of its first `write` it sends itself that signal. `limits` replace those of `LIMITS`."""
    with _started(_work, settings, crash, write, limits or {}) as running:
        yield running


@contextmanager
def one_run(settings: Settings, session_id: str) -> Iterator[Running]:
    """Runs one link session once, says "ran", and ends."""
    with _started(_run_once, settings, session_id) as running:
        yield running


@contextmanager
def a_server(settings: Settings) -> Iterator[Running]:
    """Serves on the host and port of the settings, without a worker."""
    with _started(_serve, settings) as running:
        yield running


@contextmanager
def _started(target: Callable[..., Any], settings: Settings, *more: Any) -> Iterator[Running]:
    heard, said = forks.Pipe(duplex=False)
    flags = {name: getattr(settings, name) for name, origin in settings.origins.items() if origin.startswith("--")}
    process = forks.Process(target=_run, args=(target, said, flags, *more), daemon=True)
    process.start()
    said.close()
    running = Running(process, heard)
    try:
        yield running
    finally:
        running.close()


def _run(target: Callable[..., Coroutine[Any, Any, None]], said: Connection, flags: dict[str, Any], *more: Any) -> None:
    asyncio.run(target(said, load(flags, {}), *more))


LIMITS = {"grace": (worker, "GRACE"), "sent_within": (run, "SENT_WITHIN")}  # in seconds


async def _work(
    said: Connection,
    settings: Settings,
    crash: tuple[Moment, str] | None,
    write: tuple[WriteMoment, signal.Signals] | None,
    limits: dict[str, float],
) -> None:
    for name, seconds in limits.items():
        setattr(*LIMITS[name], seconds)
    if crash:
        _crash_at(*crash)
    if write:
        signal_at(*write)
    async with app.opened(settings, SystemClock()) as house, app.working(house):
        said.send("ready")
        await server.until_stopped()


async def _run_once(said: Connection, settings: Settings, session_id: str) -> None:
    async with app.opened(settings, SystemClock()) as house:
        said.send("ready")
        await house.jobs.queue.run(RUN_SESSION, session_id=session_id)
        said.send("ran")


async def _serve(said: Connection, settings: Settings) -> None:
    async with app.opened(settings, SystemClock()) as house, app.serving(house):
        said.send("ready")
        await asyncio.Event().wait()


def _crash_at(moment: Moment, name: str) -> None:
    """In this process only: the journal that dies in the very moment."""

    def die(now: Moment, entry: JournalEntry) -> None:
        if (now, entry.name) == (moment, name) and entry.kind != "ask":
            os.kill(os.getpid(), signal.SIGKILL)

    class Dying(DurableJournal):
        async def begin(self, entry: JournalEntry) -> None:
            die("before", entry)
            await DurableJournal.finish(self, entry)
            die("begun", entry)

        async def finish(self, entry: JournalEntry) -> None:
            die("done", entry)
            await super().finish(entry)
            die("recorded", entry)

    runner.DurableJournal = Dying  # type: ignore[misc]
