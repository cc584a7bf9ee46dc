"""A process that holds tokens leaves no copy of its memory behind when it dies."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# The limit of the shell is lifted first, as an operator's may be.
DIE = """
import os, resource, sys
from cobalt_link.kit.core_dumps import forbid_core_dumps
if sys.argv[1] == "forbidden":
    forbid_core_dumps()
canary = "at_test_" + "canary" * 8
os.abort()
"""


def lift() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


@pytest.mark.parametrize("how", ["allowed", "forbidden"])
def test_a_process_that_dies_leaves_no_core_dump(how: str, tmp_path: Path) -> None:
    # S-046: the other case shows that the kernel would write one here
    died = subprocess.Popen([sys.executable, "-c", DIE, how], cwd=tmp_path, preexec_fn=lift)
    _, status = os.waitpid(died.pid, 0)
    died.returncode = -os.WTERMSIG(status)
    assert os.WTERMSIG(status) == signal.SIGABRT
    if how == "allowed":
        if not os.WCOREDUMP(status):
            pytest.skip("This machine writes no core dumps at all.")
    else:
        assert not os.WCOREDUMP(status)
        assert list(tmp_path.iterdir()) == []


def test_what_it_starts_leaves_none_either() -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    start = (
        f"from cobalt_link.kit.core_dumps import forbid_core_dumps; import subprocess, sys; forbid_core_dumps(); "
        f"subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    )
    said = subprocess.run([sys.executable, "-c", start], preexec_fn=lift, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "0"
