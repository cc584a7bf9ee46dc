"""The server runs without the conformance check: only the command line and tests import it."""

import subprocess
import sys


def test_importing_the_server_imports_nothing_of_the_check() -> None:
    code = "import sys, cobalt_link.app; print([name for name in sys.modules if 'conformance' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_probe_sees_the_check_where_it_is_imported() -> None:
    code = "import sys, cobalt_link.conformance; print([name for name in sys.modules if 'conformance' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cobalt_link.conformance.check" in done.stdout
