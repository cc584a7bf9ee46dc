"""A PostgreSQL server in the data folder, shared by all processes that need it.

The first process starts it. It stops when the last one has ended, even if that one was killed. A server that is already
running is adopted. Only the owner of the folder can connect to it or read it.
"""

import asyncio
import fcntl
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

from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.cluster import DATABASE, ENVIRONMENT, USER, Cluster, open_private
from cobalt_link.store.errors import EmbeddedServerError
from cobalt_link.store.supervisor import end_orphans

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_POLL = 0.003  # seconds between two reads of a file that another process writes
_PATIENCE = 60.0  # seconds
_GRACE = 2.0  # seconds; after the death of its postmaster, a server should end by itself within them


class Lease:
    """The right to use the server. The server runs at least until `release`, or until this process ends."""

    def __init__(self, cluster: Cluster, lock: IO[str], dsn: str) -> None:
        self.dsn = dsn
        self._cluster = cluster
        self._lock: IO[str] | None = lock

    async def release(self) -> None:
        """Gives the lease back. For the last lease, it returns when the server has stopped. It may be called twice."""
        lock, self._lock = self._lock, None
        if lock is not None:
            await asyncio.to_thread(_release, self._cluster, lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


async def acquire(folder: Path, binaries: Path | None = None) -> Lease:
    """A lease on the server in `folder` (created if missing), with the programs in `binaries`.

    Without `binaries`, those that `find_binaries` finds. Raises `EmbeddedServerError`, whose message names the fix.
    """
    cluster = Cluster(folder, find_binaries(binaries).path)
    work = asyncio.ensure_future(asyncio.to_thread(_acquire, cluster))
    # A thread cannot be cancelled. So a cancelled caller waits for it and gives the lease back.
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        with suppress(EmbeddedServerError):
            await (await work).release()
        raise


def _acquire(cluster: Cluster) -> Lease:
    cluster.create_folder()
    with _entry_lock(cluster):
        lock = _open(cluster, "users.lock")
        try:
            # Waits if the supervisor is stopping the server because nobody used it any more.
            fcntl.flock(lock, fcntl.LOCK_SH)
            socket = _ensure_running(cluster)
        except BaseException:
            lock.close()
            raise
    dsn = (
        f"postgresql://{USER}@/{DATABASE}?host={quote(socket, safe='')}&passfile={quote(str(cluster.pgpass), safe='')}"
    )
    return Lease(cluster, lock, dsn)


def _release(cluster: Cluster, lock: IO[str]) -> None:
    with _entry_lock(cluster), lock:
        if _try_lock(lock):
            _stop(cluster)
            cluster.remove_socket()


def _ensure_running(cluster: Cluster) -> str:
    """Starts or adopts the server. Returns its socket folder once it accepts connections."""
    for state in _poll_state(cluster):
        if state is not None and state.ready:
            return state.socket
        if state is None:
            with _open(cluster, "server.lock") as free:
                if ours := _try_lock(free):
                    _remove_dead_files(cluster)
                    _start(cluster, free)
            # Outside the block: if we still had the lock, a server that died would seem to be alive.
            if ours:
                return _wait_ready(cluster)
    raise EmbeddedServerError(
        f"Another container or machine runs a server on the database in {cluster.folder}. Stop that one, or use "
        "another data folder here (--data)."
    )


def _remove_dead_files(cluster: Cluster) -> None:
    """Removes the socket and the pid file of a server that has ended.

    PostgreSQL does not start while any process has the pid in its pid file, even a zombie or an unrelated program. We
    have the lock that every process of a server holds, so we know that no server runs on this folder.
    """
    cluster.remove_socket()
    pid_file = cluster.data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError):
        if not _is_postmaster(int(pid_file.read_text().splitlines()[0]), cluster.data):
            pid_file.unlink()


def _start(cluster: Cluster, free: IO[str]) -> None:
    run_as, command = cluster.prepare(free.fileno())
    config = {
        "command": command,
        "user": run_as.user,
        "group": run_as.group,
        "leases": str(cluster.folder / "users.lock"),
        "lock_fd": free.fileno(),
        "pid_file": str(cluster.data / "postmaster.pid"),
    }
    log = open_private(cluster.log, os.O_WRONLY | os.O_APPEND)
    try:
        subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", str(_SUPERVISOR), json.dumps(config)],
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
        time.sleep(_POLL)
    raise EmbeddedServerError(cluster.explain_failure())


def _stop(cluster: Cluster) -> None:
    signaled = None
    with _open(cluster, "server.lock") as lock:
        # In a loop, because the supervisor may be about to restart a postmaster that was killed.
        for state in _poll_state(cluster):
            if _try_lock(lock):
                return
            if state is not None and state.pid != signaled:
                signaled = state.pid
                with suppress(ProcessLookupError):
                    os.kill(signaled, signal.SIGINT)


def _poll_state(cluster: Cluster) -> "Iterator[_PostmasterState | None]":
    """The state of the postmaster, again and again for 60 seconds, or 60 more after a recovery.

    Ends the processes that a dead one left behind.
    """
    end = time.monotonic() + _PATIENCE
    grace = time.monotonic() + _GRACE
    while (now := time.monotonic()) < end:
        state = _state(cluster)
        if state is not None:
            grace = now + _GRACE
            if state.recovering:
                end = now + _PATIENCE
        elif now > grace:
            end_orphans((cluster.folder / "server.lock").stat())
            grace = now + _GRACE
        yield state
        time.sleep(_POLL)


class _PostmasterState:
    """The lines of `postmaster.pid`: pid, data folder, start, port, socket folder, address, shared memory, status.

    Source: PostgreSQL's src/include/utils/pidfile.h.
    """

    def __init__(self, lines: list[str]) -> None:
        self.pid = int(lines[0])
        self.socket = lines[4]
        self.ready = len(lines) > 7 and lines[7].strip() == "ready"
        self.recovering = len(lines) > 7 and lines[7].strip() in ("starting", "standby")


def _state(cluster: Cluster) -> _PostmasterState | None:
    """The state of the postmaster of this folder. None if there is none, or if its pid file is not complete yet."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 5:
        return None
    state = _PostmasterState(lines)
    return state if _is_postmaster(state.pid, cluster.data) else None


def _is_postmaster(pid: int, data: Path) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    try:
        # The file may be that of a dead server, and another process may have its pid by now.
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()


@contextmanager
def _entry_lock(cluster: Cluster) -> Iterator[None]:
    """Only one process at a time may acquire or release a lease."""
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
