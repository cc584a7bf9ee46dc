"""The embedded postmaster's parent: stops it when the last lease is gone, however its holders ended.

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
from pathlib import Path
from typing import Any


def main() -> None:
    order = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)  # whoever started us need not wait for us, nor reap us
    os.setsid()
    # Ctrl-C and a service manager's SIGTERM are for the processes we serve; when they are gone, we go.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    postmaster = _start(order)
    threading.Thread(target=_stop_when_unused, args=(order["users"], postmaster), daemon=True).start()
    postmaster.wait()
    os._exit(0)


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    as_whom: dict[str, Any] = {}
    if order["user"] is not None:
        as_whom = {"user": order["user"], "group": order["group"], "extra_groups": []}
    return subprocess.Popen(  # noqa: S603 the command is our own
        order["command"],
        pass_fds=[order["held"]],
        start_new_session=True,
        restore_signals=True,
        preexec_fn=_hear_signals,  # noqa: PLW1509 no thread runs yet
        umask=0o077,
        **as_whom,
    )


def _hear_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _stop_when_unused(users: str, postmaster: subprocess.Popen[bytes]) -> None:
    with Path(users).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        postmaster.send_signal(signal.SIGINT)  # "fast": end the sessions, write a checkpoint, stop
        postmaster.wait()


if __name__ == "__main__":
    main()
