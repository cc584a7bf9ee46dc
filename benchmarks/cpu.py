"""CPU time per request, the server's and PostgreSQL's together: a busy machine does not change it much."""

import contextlib
from pathlib import Path

import psutil


class Meter:
    """The seconds of CPU that a process and a PostgreSQL server have used so far."""

    def __init__(self, server: int, folder: Path) -> None:
        self.server = psutil.Process(server)
        self._postgres = postgres(folder)

    def seconds(self) -> float:
        processes = [self.server, self._postgres, *self._postgres.children(recursive=True)]
        return sum(_used(each) for each in processes) + _of_ended(self._postgres)


def postgres(folder: Path) -> psutil.Process:
    """The server process of the PostgreSQL in a data folder."""
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


def _used(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return times.user + times.system
    return 0.0


def _of_ended(parent: psutil.Process) -> float:
    times = parent.cpu_times()
    return times.children_user + times.children_system
