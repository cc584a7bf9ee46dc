"""docs/develop/promises.md: each promise of promises.toml with the tests that quote its id, such as S-010."""

import ast
import os
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.samples import DOCS, ROOT
from tests.house.tree import Function, parsed, python_files

PAGE = DOCS / "develop" / "promises.md"
SOURCE = PAGE.with_suffix(".toml")
FIGURES = PAGE.with_name("figures.toml")
ID = re.compile(r"\bS-\d{3}\b")
HEAD = """\
# Promises

{written}

A service that holds the keys to patients' charts is judged by what it promises and by how it proves it. Each entry
names a promise, the threshold that proves it, and the tests that quote its id. A promise that no test quotes is marked
**open**: nothing proves it yet, often because the part that it is about does not exist yet.

Of {count} promises, {shown} have tests and {open} are open.

How to read a threshold:

- The counts are those of the nightly run. The landing check runs the same tests with smaller counts.
- "4 processes" means four operating-system processes of our server on one database.
- "Virtual time" means a clock that the test moves.
- ASVS numbers refer to OWASP ASVS 5.0. SMART requirements refer to SMART App Launch 2.2.
- "Measured" is what the test showed at its full size, on two cores. A smaller count than the threshold says so.

To prove a promise, quote its id in the test, in a comment or docstring. To change a promise, edit
`docs/develop/promises.toml`. After a run at the full size, write what it showed into `docs/develop/figures.toml`. Then
run `make docs`.

"""


def page(written: str) -> str:
    quoted = tests_by_promise()
    sections, shown_by = promises(), figures()
    known = [each["id"] for section in sections for each in section["promise"]]
    shown = sum(1 for each in known if each in quoted)
    parts = [HEAD.format(written=written, count=len(known), shown=shown, open=len(known) - shown)]
    for section in sections:
        parts.append(f"## {section['title']}\n\n")
        parts += [_entry(each, quoted.get(each["id"], {}), shown_by.get(each["id"], "")) for each in section["promise"]]
    return "".join(parts).rstrip() + "\n"


def promises() -> list[dict[str, Any]]:
    return tomllib.loads(SOURCE.read_text())["section"]


def figures() -> dict[str, str]:
    """What the last run at the full size showed, by id."""
    return tomllib.loads(FIGURES.read_text())


def tests_by_promise() -> dict[str, dict[Path, list[str]]]:
    """For each id the files that quote it, with the names of the tests; no names where the file as a whole does."""
    found: dict[str, dict[Path, list[str]]] = defaultdict(dict)
    for path in python_files(ROOT / "tests"):
        if path.name.startswith("test_"):
            for promise, name in quotes(path.read_text(), parsed(path)):
                names = found[promise].setdefault(path, [])
                if name and name not in names:
                    names.append(name)
    return found


def quotes(source: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Ids in a test file, each with the test that quotes it, or with "" outside of the tests.

    A test begins with its decorators and with the comment lines right above them."""
    lines = source.splitlines()
    owner = [""] * len(lines)
    for test in _tests(tree):
        first = min([test.lineno, *(each.lineno for each in test.decorator_list)])
        while first > 1 and lines[first - 2].lstrip().startswith("#"):
            first -= 1
        owner[first - 1 : test.end_lineno] = [test.name] * ((test.end_lineno or first) - first + 1)
    for line, name in zip(lines, owner, strict=True):
        for promise in ID.findall(line):
            yield promise, name


def _tests(tree: ast.Module) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name.startswith("test_"):
            yield node


def _entry(promise: dict[str, str], quoted: dict[Path, list[str]], measured: str) -> str:
    files = [_file(path, names) for path, names in sorted(quoted.items())]
    tests = "".join(f"\n- {each}" for each in files) if files else " **open**"
    figure = f"Measured: {measured}\n\n" if measured else ""
    return (
        f"### {promise['id']}\n\n{promise['promise']}\n\nThreshold: {promise['threshold']}\n\n{figure}Tests:{tests}\n\n"
    )


def _file(path: Path, names: list[str]) -> str:
    link = f"[`{path.relative_to(ROOT).as_posix()}`]({Path(os.path.relpath(path, PAGE.parent)).as_posix()})"
    return f"{link}: {', '.join(f'`{name}`' for name in names)}" if names else link
