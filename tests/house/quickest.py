"""For `make mutants`: the quickest tests first, so that most mutants die in the first second.

mutmut gives each mutant the tests that reach its function, in no order. How long each one took is in its own notes,
which lie in the folder where it runs pytest.
"""

import json
import os
from pathlib import Path

import pytest

NOTES = Path("mutmut-stats.json")
SETUP = 0.1  # seconds; mutmut counts only the test itself
# Seconds of tests that a mutant has to survive. What reaches a function that everything uses would take minutes.
ENOUGH = float(os.environ.get("COBALT_MUTANT_SECONDS", "30"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not NOTES.exists() or os.environ.get("MUTANT_UNDER_TEST", "stats") in ("", "stats", "list_all_tests"):
        return
    took = json.loads(NOTES.read_text())["duration_by_test"]
    items.sort(key=lambda item: took.get(item.nodeid, 0.0))
    spent = 0.0
    for number, item in enumerate(items):
        spent += took.get(item.nodeid, 0.0) + SETUP
        if spent > ENOUGH:
            del items[number + 1 :]
            return
