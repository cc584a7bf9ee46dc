"""What is committed belongs to everybody: no path of one machine, no package registry, no key."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cobalt_link.link.pages import assets
from tests.house.tree import ROOT, tracked_files, within

# Written in pieces, so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+|Us" + r"ers/\w+|t" + r"mp/\w)")
REGISTRY = re.compile(
    r"\b(?:py" + r"pi\.org|files\.python" + r"hosted\.org|registry\.npm" + r"js\.org)|--(?:extra-)?index" + r"-url"
)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----")


def hits(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{within(path)}:{n}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found


@pytest.mark.parametrize(
    ("pattern", "found", "passed"),
    [
        (MACHINE_PATH, "cd /wo" + "rk/main", "cd docs/wo" + "rk/main"),
        (MACHINE_PATH, '"/ro' + 'ot/.pgpass"', "https://example.org/ro" + "ot"),
        (MACHINE_PATH, "path = /t" + "mp/data", "${TMPDIR}/t" + "mp/data"),
        (REGISTRY, "https://py" + "pi.org/simple", "install from your own index"),
        (PRIVATE_KEY, "-----BEGIN EC PRIVATE" + " KEY-----", "-----BEGIN CERTIFICATE-----"),
    ],
)
def test_each_pattern_sees_what_it_is_for(pattern: re.Pattern[str], found: str, passed: str) -> None:
    assert pattern.search(found)
    assert not pattern.search(passed)


def test_no_file_names_a_path_of_one_machine() -> None:
    assert not hits(MACHINE_PATH)


def test_no_file_names_a_package_registry() -> None:
    own = [urlsplit(value).hostname for name, value in os.environ.items() if "INDEX" in name and "://" in value]
    hosts = [re.escape(host) for host in own if host]
    assert not hits(REGISTRY)
    assert not hosts or not hits(re.compile("|".join(hosts)))


def test_no_file_holds_a_private_key() -> None:
    assert not hits(PRIVATE_KEY)


def test_requirements_are_locked_by_hash() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        wanted = re.findall(r"^[a-z0-9][\w.\[\]-]*==\S+", text, re.MULTILINE)
        blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
        assert len(wanted) > 10
        assert not [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block]


def test_every_room_is_named_in_the_contracts_that_must_know_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    by_name = {contract["name"]: contract for contract in contracts}
    connectors = by_name["Connectors know the connector interface and nothing else of the house, not even indirectly"]
    for room in ("store", "jobs", "accounts", "webhooks", "developers"):
        if (ROOT / "src" / "cobalt_link" / room).is_dir():
            assert f"cobalt_link.{room}" in connectors["forbidden_modules"]
    assert by_name["Only app imports connectors"]["allowed_importers"] == ["cobalt_link.app"]


def test_a_diff_shows_the_sources_and_not_what_is_built_from_them() -> None:
    served = sorted(path for path in tracked_files() if path.parent == Path(assets.__file__).parent / "static")
    command = ["git", "check-attr", "diff", "linguist-generated", "--", *map(within, served)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    built = {within(path) for path in served if path.suffix in (".js", ".br")}
    assert len(built) > 3 and len(served) > len(built)
    for path, attribute, value in (line.split(": ") for line in said.splitlines()):
        wanted = {"diff": "unset", "linguist-generated": "set"}[attribute] if path in built else "unspecified"
        assert value == wanted, f".gitattributes: {path} {attribute} is {value}"


def test_the_wheel_says_that_it_is_typed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "cobalt_link/py.typed" in zipfile.ZipFile(wheel).namelist()
