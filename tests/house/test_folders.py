"""The report of a run: which folder a test belongs to, and what happens when a folder has too many."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.folders import FOLDERS, Budget, folder_of, folders_with_tests, outgrown
from tests.house.tree import ROOT

PATHS = {
    "tests/link/api/test_api.py::test_one[a/b]": "link/api",
    "tests/kit/vault/test_hpke.py": "kit",
    "tests/browsers/chromium/test_cookies.py": "browsers/chromium",
    "tests/connectors/sandbox/deep/test_reads.py": "connectors/sandbox",
    "tests/test_alone.py": "",
    "src/cobalt_link/app.py": "",
}


def test_a_test_belongs_to_a_folder() -> None:
    assert {path: folder_of(path) for path in PATHS} == PATHS


def test_a_folder_at_its_budget_is_fine_and_one_test_more_is_not() -> None:
    budgets = {"link": Budget(tests=2, seconds=1)}
    assert outgrown({"link": 2}, budgets) == []
    assert "tests/link has 3 tests, its budget is 2." in outgrown({"link": 3}, budgets)[0]
    assert "tests/new has no budget." in outgrown({"link": 1, "new": 1}, budgets)[0]


def test_every_folder_of_tests_has_a_budget_and_no_budget_is_left_over() -> None:
    assert folders_with_tests() == set(FOLDERS)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_prints_its_folders_and_fails_when_one_has_no_budget(tmp_path: Path, workers: str) -> None:
    for folder in ("jobs", "unknown"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}.py").write_text("def test_it():\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    # Loading the plugins of this suite takes most of a run's time, and only xdist is of interest here.
    plugins = ["-p", "xdist", "-p", "tests.house.folders"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "-n", workers]

    def run(*words: str, **more: str) -> tuple[int, str]:
        env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **more}
        done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, env=env, check=False)
        return done.returncode, done.stdout

    code, said = run()
    assert code == 1 and "2 passed" in said, said
    assert "tests/unknown has no budget." in said
    assert "1 tests" in said and " s  jobs" in said
    assert run("tests/jobs")[0] == 0
    assert run(COBALT_PROOF="nightly")[0] == 0
