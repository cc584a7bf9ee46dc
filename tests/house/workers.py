"""Which tests run in one worker of xdist, one after another, because they share what is slow to start.

The marks of `--dist loadgroup` would say the same, but pytest 9.2 no longer takes the names that xdist 3.8 gives to
marked tests, and spreads them as if they had no mark.
"""

import re

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SHARED = {
    "gnuhealth": r"gnuhealth|stories/test_renewal\.py",  # three servers; at first, a minute to install it
    "firefox": r"_in_firefox\.py",
    "webkit": r"_in_webkit\.py",
    "package": r"chromium/test_package\.py",  # one build of it, and what npm installs
    "five minutes": r"docs/test_five_minutes\.py",  # one server
    "plans": r"store/test_plans\.py",  # a database with 100,000 rows in each table
}


def scope_of(nodeid: str) -> str:
    """The tests of one scope run in one worker. Most tests are alone in theirs."""
    path = nodeid.partition("::")[0]
    return next((name for name, pattern in SHARED.items() if re.search(pattern, path)), nodeid)


class SharedScheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return SharedScheduling(config, log)
