"""Well-kept generators make a client of the document without dropping an endpoint.

They are programs of their own: `pip install openapi-python-client`, `npm install openapi-typescript`.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cobalt_link import app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(app.document()))
    return file


def operations(document: dict[str, Any]) -> int:
    return sum(len(methods) for methods in document["paths"].values())


def run(program: str, *words: str) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_python_client_has_every_endpoint(file: Path, tmp_path: Path) -> None:
    client = tmp_path / "client"
    said = run("openapi-python-client", "generate", "--path", str(file), "--meta", "none", "--output-path", str(client))
    assert "will not be generated" not in said, said
    modules = [path for path in (client / "api").rglob("*.py") if path.name != "__init__.py"]
    assert len(modules) == operations(app.document())


@pytest.mark.slow
def test_a_typescript_client_has_every_endpoint(file: Path, tmp_path: Path) -> None:
    run("openapi-typescript", str(file), "-o", str(tmp_path / "api.d.ts"))
    types = (tmp_path / "api.d.ts").read_text()
    assert types.count('operations["') == operations(app.document())
