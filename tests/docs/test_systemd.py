"""The systemd unit of the how-to: systemd knows every line, and it takes away what the server never needs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT

WORST = 3.0  # what systemd-analyze rates a service from 0 (safe) to 10


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not on this machine")
    found = re.search(r"```ini\n(\[Unit\].*?)```", (ROOT / "docs/how-to/run-it.md").read_text(), re.DOTALL)
    assert found
    file = tmp_path / "cobalt.service"
    # systemd looks for the program, which is not installed here.
    file.write_text(found[1].replace("/opt/cobalt-link/.venv/bin/cobalt", "/bin/true"))
    return file


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False)


def test_systemd_knows_every_line_of_the_unit(unit: Path) -> None:
    done = analyze("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelled_line_would_be_seen(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("NoNewPrivileges", "NoNewPriviledges"))
    assert "NoNewPriviledges" in analyze("verify", unit).stderr


def test_the_unit_is_hardened(unit: Path) -> None:
    done = analyze("security", "--offline=yes", unit)
    rated = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert rated and float(rated[1]) < WORST, done.stdout + done.stderr
