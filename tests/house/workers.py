"""Which tests run in one worker of xdist, one after another, as they share what is slow to start; and in what order.

What takes long comes first: those that share something, then the folders with the longest tests. So all workers have
something to do until the end.

The marks of `--dist loadgroup` would say the same, but pytest 9.2 no longer takes the names that xdist 3.8 gives to
marked tests, and spreads them as if they had no mark.
"""

import re
from functools import cache

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.house.folders import FOLDERS, folder_of
from tests.house.tree import ROOT

SHARED = {
    "gnuhealth": r"gnuhealth|stories/test_renewal\.py",  # three servers; at first, a minute to install it
    "firefox": r"_in_firefox\.py",
    "webkit": r"_in_webkit\.py",
    "package": r"chromium/test_package\.py",  # one build of it, and what npm installs
}
OF_A_FILE = re.compile(r"^@pytest(?:_asyncio)?\.fixture\(.*scope=\"module\"", re.MULTILINE)


def scope_of(nodeid: str) -> str:
    """The tests of one scope run in one worker. Most tests are alone in theirs."""
    path = nodeid.partition("::")[0]
    if shared := next((name for name, pattern in SHARED.items() if re.search(pattern, path)), None):
        return shared
    return path if has_fixtures_of_its_own(path) else nodeid


@cache
def has_fixtures_of_its_own(path: str) -> bool:
    """Whether a file has fixtures that are set up once for all of its tests."""
    file = ROOT / path
    return file.is_file() and OF_A_FILE.search(file.read_text()) is not None


def seconds_each(nodeid: str) -> float:
    """How long a test of its folder takes, on average."""
    budget = FOLDERS.get(folder_of(nodeid))
    return budget.seconds / budget.tests if budget else 0.0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: -seconds_each(item.nodeid))


class SharedScheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return SharedScheduling(config, log)
