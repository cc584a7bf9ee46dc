"""Prints the tests and the seconds of each folder at the end of a run, and keeps each folder within its count.

A run in which a folder has more tests than FOLDERS allows fails, and so does one with a folder that FOLDERS lacks.
Raise a count on purpose, in the commit that needs it: `make test` has to end within 20 minutes on two cores.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.house.tree import TESTS, python_files, within
from tests.support import proof

NESTED = {"browsers", "connectors", "link"}  # folders whose own folders are counted one by one


class Budget(NamedTuple):
    """How many tests a folder may have, and about how many seconds they take on one idle core."""

    tests: int
    seconds: int


FOLDERS: dict[str, Budget] = {
    "accounts": Budget(270, 95),
    "api": Budget(52, 34),
    "benchmarks": Budget(15, 32),
    "browsers/chromium": Budget(140, 350),
    "browsers/engines": Budget(12, 86),
    "cli": Budget(180, 126),
    "conformance": Budget(450, 45),
    "connector": Budget(125, 5),
    "connectors/gnuhealth": Budget(200, 125),
    "connectors/sandbox": Budget(200, 27),
    "connectors/smart": Budget(150, 60),
    "developers": Budget(200, 12),
    "directory": Budget(65, 45),
    "docs": Budget(690, 15),
    "fuzz": Budget(40, 20),
    "house": Budget(185, 30),
    "jobs": Budget(26, 8),
    "kit": Budget(110, 5),
    "link/api": Budget(60, 20),
    "link/connections": Budget(45, 60),
    "link/flow": Budget(200, 190),
    "link/pages": Budget(400, 145),
    "link/session": Budget(90, 70),
    "mail": Budget(25, 25),
    "net": Budget(240, 8),
    "oauth": Budget(20, 5),
    "records": Budget(280, 75),
    "registrations": Budget(60, 60),
    "sandbox_ehr": Budget(330, 190),
    "settings": Budget(95, 3),
    "signin": Budget(95, 3),
    "store": Budget(130, 160),
    "stories": Budget(105, 620),
    "support": Budget(60, 5),
    "vault": Budget(105, 28),
    "web": Budget(460, 50),
    "webhooks": Budget(65, 70),
}


def folder_of(path: str) -> str:
    """The folder of a test, from its path or node id: `link`, `browsers/chromium`; "" for what is none of ours."""
    parts = path.partition("::")[0].replace("\\", "/").split("/")
    if "tests" not in parts:
        return ""
    inside = parts[parts.index("tests") + 1 : -1]
    return "/".join(inside[: 2 if inside and inside[0] in NESTED else 1])


def folders_with_tests() -> set[str]:
    return {folder_of(within(path)) for path in python_files(TESTS) if path.name.startswith("test_")} - {""}


def outgrown(tests: Mapping[str, int], budgets: Mapping[str, Budget]) -> list[str]:
    """What to say of each folder with more tests than its budget, and of each that has none."""
    said = []
    for folder, count in sorted(tests.items()):
        budget = budgets.get(folder)
        if budget is None:
            said.append(f"tests/{folder} has no budget. Add it to FOLDERS in tests/house/folders.py.")
        elif count > budget.tests:
            said.append(
                f"tests/{folder} has {count} tests, its budget is {budget.tests}. Merge some, or raise the budget"
                " in tests/house/folders.py and say why in the commit."
            )
    return said


class FolderReport:
    """Counts what the reports of a run say; under xdist they come from all workers."""

    def __init__(self, budgets: Mapping[str, Budget]) -> None:
        self.tests: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._budgets = budgets

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        folder = folder_of(report.nodeid)
        self.seconds[folder] += report.duration
        self.tests[folder] += report.when == "setup"

    def outgrown(self) -> list[str]:
        """Nothing at night, when some proofs are repeated as tests of their own."""
        return outgrown(self.tests, self._budgets) if proof.SIZE == "landing" else []

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.outgrown() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self.tests) > 1:
            terminalreporter.section("tests and seconds per folder", sep="-")
            for folder, seconds in sorted(self.seconds.items(), key=lambda each: -each[1]):
                terminalreporter.write_line(f"{self.tests[folder]:6} tests {seconds:8.1f} s  {folder}")
        for line in self.outgrown():
            terminalreporter.write_line(line, red=True)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker of xdist: the process that started it prints
        config.pluginmanager.register(FolderReport(FOLDERS), "folder report")
