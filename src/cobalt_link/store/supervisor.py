"""The parent process of the embedded postmaster. It restarts a killed one, and stops it after the last lease.

A program of its own that is run by path and uses only the standard library. Its one argument is a JSON object:
`command`; `user` and `group` (ids or null); `leases`, the file on which every lease holds a shared lock; `lock_fd`, an
open and locked file, which means that a server runs on this data folder; `pid_file`, the path of `postmaster.pid`.
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

SHORTEST, LONGEST = 0.25, 5.0  # seconds before a server that died is restarted
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Keeps one postmaster running while it is needed."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.wanted = True
        self.start_lock = threading.Lock()
        self.start()

    def start(self) -> None:
        identity: dict[str, Any] = {}
        if self.config["user"] is not None:
            identity = {"user": self.config["user"], "group": self.config["group"], "extra_groups": []}
        self.postmaster = subprocess.Popen(  # noqa: S603 the command is our own
            self.config["command"],
            pass_fds=[self.config["lock_fd"]],
            start_new_session=True,
            preexec_fn=restore_signals,  # noqa: PLW1509 it takes no lock
            umask=0o077,
            **identity,
        )

    def keep(self) -> None:
        """Returns when the postmaster was stopped (status 0), or if it could not start the first time.

        A server that has worked is restarted while there are leases. It may have been killed for its memory, or the
        disk is full and will have space again.
        """
        served, pause = False, SHORTEST
        while True:
            if self.is_serving():
                served, pause = True, SHORTEST
            if self.postmaster.wait() == 0 or not served:
                return
            time.sleep(pause)
            pause = min(pause * 2, LONGEST)
            end_orphans(os.fstat(self.config["lock_fd"]))
            with self.start_lock:
                if not self.wanted:
                    return
                self.start()

    def is_serving(self) -> bool:
        """Waits until the postmaster is ready (True) or has ended (False)."""
        pid_file = Path(self.config["pid_file"])
        while self.postmaster.poll() is None:
            try:
                lines = pid_file.read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) > 7 and lines[0] == str(self.postmaster.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.05)
        return False

    def stop_when_unused(self) -> None:
        with Path(self.config["leases"]).open() as lock:
            # Granted when no lease holds its shared lock any more. The kernel frees the locks of killed processes.
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.start_lock:
                self.wanted = False
                self.postmaster.send_signal(signal.SIGINT)  # "fast": end the sessions, write a checkpoint, stop
            self.postmaster.wait()


def end_orphans(lock: os.stat_result) -> None:
    """Kills the processes of a server whose postmaster died. They are known by the lock file that they inherited.

    A backend that waits for an internal lock of a killed one never notices that the postmaster is gone. It would keep
    the shared memory, and no new server could ever start. Its work is not committed.
    """
    holders = {pid: parent for pid, parent in _processes() if _holds(pid, lock)}
    for pid, parent in holders.items():
        with contextlib.suppress(OSError):
            # In a living server, the parent holds the lock too: it is the postmaster, or its supervisor.
            if parent not in holders and Path(f"/proc/{pid}/exe").readlink().name == "postgres":
                os.kill(pid, signal.SIGKILL)


def _processes() -> Iterator[tuple[int, int]]:
    """The pid and the parent's pid of each process. Nothing on systems without /proc."""
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


def restore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def main() -> None:
    if os.fork():
        os._exit(0)  # the process that started us continues at once and never has to reap us
    os.setsid()
    # Ctrl-C and the SIGTERM of a service manager are for the processes with leases. When they have ended, we end.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    supervisor = Supervisor(json.loads(sys.argv[1]))
    threading.Thread(target=supervisor.stop_when_unused, daemon=True).start()
    supervisor.keep()
    os._exit(0)


if __name__ == "__main__":
    main()
