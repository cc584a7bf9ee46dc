"""The embedded postmaster's parent: starts it again when it was killed, stops it when the last lease is gone.

Run by path as a program of its own, standard library only. Its one argument is JSON: `command`, `user` and `group` (or
null), `users` (the file that every lease holds a shared lock on), `held` (an open, locked descriptor: the lock means
"this data folder is being served").
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ATTEMPTS = 40
PAUSE = 0.25  # seconds; a killed postmaster's children need a moment to notice and to end
STEADY = 10.0  # seconds after which a start counts as good
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Guardian:
    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.wanted = True
        self.turn = threading.Lock()
        self.start()

    def start(self) -> None:
        as_whom: dict[str, Any] = {}
        if self.order["user"] is not None:
            as_whom = {"user": self.order["user"], "group": self.order["group"], "extra_groups": []}
        self.began = time.monotonic()
        self.postmaster = subprocess.Popen(  # noqa: S603 the command is our own
            self.order["command"],
            pass_fds=[self.order["held"]],
            start_new_session=True,
            preexec_fn=hear_signals,  # noqa: PLW1509 it takes no lock
            umask=0o077,
            **as_whom,
        )

    def keep(self) -> None:
        """Returns when the postmaster stopped as told (status 0), could not start, or died again and again."""
        left = None
        while (status := self.postmaster.wait()) != 0:
            if status < 0 and (left is None or time.monotonic() - self.began > STEADY):
                left = ATTEMPTS
            if not left:
                return
            left -= 1
            time.sleep(PAUSE)
            with self.turn:
                if not self.wanted:
                    return
                self.start()

    def stop_when_unused(self) -> None:
        with Path(self.order["users"]).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.turn:
                self.wanted = False
                self.postmaster.send_signal(signal.SIGINT)  # "fast": end the sessions, write a checkpoint, stop
            self.postmaster.wait()


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
    guardian = Guardian(json.loads(sys.argv[1]))
    threading.Thread(target=guardian.stop_when_unused, daemon=True).start()
    guardian.keep()
    os._exit(0)


if __name__ == "__main__":
    main()
