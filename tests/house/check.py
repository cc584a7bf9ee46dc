"""Runs the tests of what changed, as `make check` does: `python -m tests.house.check [--since REVISION]`.

A changed file of a room leads to the room's tests, and to those of the rooms that import it where they are quick.
Tests that are marked as slow, need GNU Health, or need a browser while no page changed are left to `make test`.
"""

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterable

from tests.house.folders import FOLDERS, folder_of, folders_with_tests
from tests.house.rooms import importers
from tests.house.tree import ROOT, TESTS

QUICK = 20  # seconds: the tests of a room above run too if they take no longer
ALWAYS = "house"
ELSEWHERE = {
    "clients/": "browsers/chromium",
    "docs/": "docs",
    "README.md": "docs",
    "benchmarks/": "benchmarks",
    "src/sandbox_ehr/": "sandbox_ehr",
    "src/acme_scribe/": "stories",
}


def changed_files(since: str | None) -> list[str]:
    """Files that differ from `since`, and files that git does not know. Without `since`: from where we left main."""
    base = since or _git("merge-base", "HEAD", "main") or "HEAD"
    named = _git("diff", "--name-only", "--no-renames", base).splitlines()
    return sorted({*named, *_git("ls-files", "--others", "--exclude-standard").splitlines()})


def folders_for(changed: Iterable[str], there: set[str]) -> list[str]:
    """The folders of tests that the changed files lead to, of those that are there."""
    found = {ALWAYS}
    for name in changed:
        if name.startswith("src/cobalt_link/"):
            room = name.split("/")[2].removesuffix(".py")
            found |= {room} | {above for above in importers(room) if above in FOLDERS and _is_quick(above)}
        elif name.startswith("tests/"):
            found.add(folder_of(name))
        else:
            found |= {folder for prefix, folder in ELSEWHERE.items() if name.startswith(prefix)}
    return sorted(each for folder in found for each in _of(folder, there))


def marks_for(folders: Iterable[str]) -> str:
    """The tests that are left out, as pytest's -m has it."""
    left = ["slow", "gnuhealth"]
    if not any(folder.startswith("browsers") for folder in folders):
        left.append("browser")
    return " and ".join(f"not {mark}" for mark in left)


def main(words: list[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.house.check", description="Run the tests of what changed.")
    parser.add_argument("--since", help="compare with this revision (default: where the branch left main)")
    parser.add_argument("--list", action="store_true", help="print the folders and run nothing")
    given = parser.parse_args(words)
    folders = folders_for(changed_files(given.since), folders_with_tests())
    print(f"Tests of: {', '.join(folders)}", flush=True)
    if given.list:
        return 0
    paths = [str((TESTS / folder).relative_to(ROOT)) for folder in folders]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", marks_for(folders), *paths]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _of(folder: str, there: set[str]) -> set[str]:
    """The folder, or those inside it."""
    return {each for each in there if each == folder or each.startswith(f"{folder}/")}


def _is_quick(folder: str) -> bool:
    return FOLDERS[folder].seconds <= QUICK


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
