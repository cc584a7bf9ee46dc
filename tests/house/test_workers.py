import os
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT, TESTS, python_files, within
from tests.house.workers import SHARED, scope_of

EIGHT = """
import os, pathlib, pytest
@pytest.mark.parametrize("n", range(8))
def test_a(n, worker_id):
    with pathlib.Path("seen").open("a") as file:
        print(__name__, worker_id, file=file)
"""


def test_what_is_slow_to_start_is_started_in_one_worker_and_what_takes_long_comes_first(tmp_path: Path) -> None:
    for name in ("kit/test_others", "link/test_gnuhealth", "stories/test_slow"):
        (tmp_path / "tests" / name).parent.mkdir(parents=True)
        (tmp_path / "tests" / f"{name}.py").write_text(EIGHT)
    words = ("-n", "2", "-p", "tests.house.workers", "-p", "no:cacheprovider", "--rootdir", str(tmp_path))
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "pytest", *words], cwd=tmp_path, env=env, check=True, capture_output=True)
    seen = [line.split() for line in (tmp_path / "seen").read_text().splitlines()]
    assert len(seen) == 24 and len({worker for _, worker in seen}) == 2
    assert len({worker for module, worker in seen if module == "test_gnuhealth"}) == 1
    for worker in ("gw0", "gw1"):
        mine = [module for module, where in seen if where == worker]
        assert mine == sorted(mine, key=["test_gnuhealth", "test_slow", "test_others"].index)


def test_a_file_with_fixtures_of_its_own_sets_them_up_once() -> None:
    for path in ("tests/store/test_plans.py", "tests/docs/test_five_minutes.py"):
        assert scope_of(f"{path}::test_a") == scope_of(f"{path}::test_b") == path
    assert scope_of("tests/store/test_backup.py::test_a") != scope_of("tests/store/test_backup.py::test_b")


def test_every_shared_thing_has_its_tests_and_no_test_starts_another_gnu_health() -> None:
    files = [path for path in python_files(TESTS) if path.name.startswith("test_")]
    assert set(SHARED) <= {scope_of(within(path)) for path in files}
    asks = [within(path) for path in files if "\nfrom tests.support.ehrs.gnuhealth import MARKS" in path.read_text()]
    assert asks and {scope_of(path) for path in asks} == {"gnuhealth"}
