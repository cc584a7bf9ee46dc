"""The embedded postmaster's parent: starts it again when it was killed, stops it when the last lease is gone.

Run by path as a program of its own, standard library only. Its one argument is JSON: `command`, `user` and `group` (or
null), `users` (the file that every lease holds a shared lock on), `held` (an open, locked descriptor: the lock means
"this data folder is being served"), `note` (the postmaster's own note of its state).
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHORTEST, LONGEST = 0.25, 5.0  # seconds before a server that died is started again
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.wanted = True
        self.turn = threading.Lock()
        self.start()

    def start(self) -> None:
        as_whom: dict[str, Any] = {}
        if self.order["user"] is not None:
            as_whom = {"user": self.order["user"], "group": self.order["group"], "extra_groups": []}
        self.postmaster = subprocess.Popen(  # noqa: S603 the command is our own
            self.order["command"],
            pass_fds=[self.order["held"]],
            start_new_session=True,
            preexec_fn=hear_signals,  # noqa: PLW1509 it takes no lock
            umask=0o077,
            **as_whom,
        )

    def keep(self) -> None:
        """Returns when the postmaster stopped as told (status 0), or could not start the first time.

        One that has served is started again for as long as there are leases: it may have been killed for memory, or
        the disk is full and will have room again.
        """
        served, pause = False, SHORTEST
        while True:
            if self.is_serving():
                served, pause = True, SHORTEST
            if self.postmaster.wait() == 0 or not served:
                return
            time.sleep(pause)
            pause = min(pause * 2, LONGEST)
            end_orphans(os.fstat(self.order["held"]))
            with self.turn:
                if not self.wanted:
                    return
                self.start()

    def is_serving(self) -> bool:
        """Waits until the postmaster says that it is ready (True) or has ended (False)."""
        note = Path(self.order["note"])
        while self.postmaster.poll() is None:
            try:
                lines = note.read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) > 7 and lines[0] == str(self.postmaster.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.05)
        return False

    def stop_when_unused(self) -> None:
        with Path(self.order["users"]).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.turn:
                self.wanted = False
                self.postmaster.send_signal(signal.SIGINT)  # "fast": end the sessions, write a checkpoint, stop
            self.postmaster.wait()


def end_orphans(lock: os.stat_result) -> None:
    """Kill what is left of a server whose postmaster died, known by the lock file it inherited.

    A backend that waits for an internal lock of one that was killed never looks whether the postmaster still lives: it
    would hold the shared memory, and keep every new server from starting, for ever. Its work is not committed.
    """
    holders = {pid: parent for pid, parent in _processes() if _holds(pid, lock)}
    for pid, parent in holders.items():
        with contextlib.suppress(OSError):
            # A living server's processes have a parent that holds the lock too: the postmaster, or its supervisor.
            if parent not in holders and Path(f"/proc/{pid}/exe").readlink().name == "postgres":
                os.kill(pid, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, int]]:
    """Each process with its parent; none where there is no /proc."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield int(entry.parent.name), int(entry.read_text().rpartition(")")[2].split()[1])


def _holds(pid: int, file: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        for handle in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{handle}"), file):
                    return True
    return False


def hear_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def main() -> None:
    if os.fork():
        os._exit(0)  # whoever started us need not wait for us, nor reap us
    os.setsid()
    # Ctrl-C and a service manager's SIGTERM are for the processes we serve; when they are gone, we go.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    supervisor = Supervisor(json.loads(sys.argv[1]))
    threading.Thread(target=supervisor.stop_when_unused, daemon=True).start()
    supervisor.keep()
    os._exit(0)


if __name__ == "__main__":
    main()
