"""The real GNU Health for tests: `gnuhealth` (password), `gnuhealth_mfa` (and a text), `gnuhealth_two` (two databases).

Each test process has servers of its own, started when first asked for.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.ehrs import gnuhealth_install as install
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth_server import Server

MARKS = [pytest.mark.gnuhealth]

Start = Callable[..., "GnuHealth"]


class GnuHealth(Server):
    """A seeded server. `today` is the practice's day that the visits stand around; `appointments` are their ids."""

    today: date
    appointments: list[int]

    def start_seeded(self) -> "GnuHealth":
        self.start()
        self.today = datetime.now(seed.ZONE).date()
        for name in self.databases:
            made = seed.schedule(self, self.today, name)
            self.appointments = made if name == self.database else self.appointments
        return self


def _seed(folder: Path) -> None:
    server = Server(folder, ["seeded"], dict(seed.USERS))
    server.start()
    try:
        seed.people(server)
    finally:
        server.stop()


def prepared(folder: Path, *databases: str, modules: tuple[str, ...] = (), **config: Any) -> GnuHealth:
    """A server on copies of the seeded database, to be started."""
    source = install.database(_seed, Path(seed.__file__), *modules)
    for name in databases:
        shutil.copy(source, folder / f"{name}.sqlite")
    return GnuHealth(folder, list(databases), dict(seed.USERS), **config)


@pytest.fixture(scope="session")
def start_gnuhealth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a server: `start_gnuhealth("a", "b", authentications="password+sms", max_age=5)`; all stop at the end.

    max_link_session: failed sign-ins until 429. max_age: seconds that a session lives. timeout: seconds of the
    lock-out. modules: more of GNU Health's than its core, such as "health_lab".
    """
    running: list[GnuHealth] = []

    def start(*databases: str, **config: Any) -> GnuHealth:
        server = prepared(tmp_path_factory.mktemp("gnuhealth"), *(databases or ("riverside",)), **config)
        running.append(server)
        return server.start_seeded()

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def gnuhealth(start_gnuhealth: Start) -> GnuHealth:
    return start_gnuhealth()


@pytest.fixture(scope="session")
def gnuhealth_mfa(start_gnuhealth: Start) -> GnuHealth:
    return start_gnuhealth(authentications="password+sms")


@pytest.fixture(scope="session")
def gnuhealth_two(start_gnuhealth: Start) -> GnuHealth:
    return start_gnuhealth("north", "south")


@pytest.fixture(scope="session")
def written_to(start_gnuhealth: Start) -> GnuHealth:
    """A server for the tests that write: the others count what is there."""
    return start_gnuhealth()
