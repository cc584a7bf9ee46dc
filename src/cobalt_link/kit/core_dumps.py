"""Keeps this process out of core dumps: its memory holds tokens and passwords, which may rest on no disk (S-046)."""

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """For this process, and by the limit for those that it starts.

    The limit stops the file. The kernel also ignores it for a program that receives dumps, such as systemd-coredump:
    for that the process is marked as not dumpable, which closes its memory to debuggers of the same user too.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
