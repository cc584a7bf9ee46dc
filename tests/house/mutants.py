"""`make mutants`: changes the code one spot at a time, and counts how many changes no test notices.

mutmut makes the changes. Each group has a folder of its own below `mutants`, with the tests that are quick and about
it, and one PostgreSQL serves all of them. What has been tried is kept there, so the next run goes on with the rest.

    python -m tests.house.mutants [GROUP...]            try what has not been tried
    python -m tests.house.mutants --again [GROUP...]    try the survivors again, after new tests
    python -m tests.house.mutants --page                print docs/develop/mutants.md
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.conninfo import make_conninfo

from cobalt_link.store.embedded import acquire
from cobalt_link.store.migrate import migrate
from tests.house.tree import ROOT

FOLDER = ROOT / "mutants"
MEMORY = Path("/dev/shm")  # a database that nobody has to keep is quickest there
TEMPLATE = "template_of_mutants"
TYPES = (sys.executable, "-m", "tests.house.mutant_types", "pyrefly")  # mutmut looks for the word
# mutmut's exit codes. A mutant that ran out of time or crashed the tests is noticed as well.
SURVIVED, UNTESTED, REFUSED_BY_TYPES = 0, 33, 37

HEAD = """# Changes that no test notices

`make mutants` changes one spot of the code at a time, and runs the type checker and the tests that are quick and about
it. The table is what it found last; `python -m tests.house.mutants --page` prints this page. A survivor is a change
that neither noticed. Some survivors behave as the code does, and the rest is work to do. A group without mutants has
not been started."""
TABLE = ("| Group | Mutants | Noticed by tests | by types | Survived | Not tried | Noticed of those tried |",
         "| --- | --- | --- | --- | --- | --- | --- |")  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Patterns of files to change, and the tests to try each change with."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


GROUPS = {
    "accounts": Group(("accounts/access.py",), ("accounts",)),
    "developers": Group(("developers/auth.py",), ("developers/test_auth.py", "developers/test_short_cache.py")),
    "vault": Group(("vault/*.py",), ("vault",)),
    "session": Group(("link/session/*.py",), ("link/session", "link/api")),
    "web": Group(("web/*.py",), ("web",)),
}
# Tests with processes, with thousands of rounds, or of whole files: slow, and no mutant needs them.
LEFT_OUT = (
    "test_many_processes.py",
    "test_four_processes.py",
    "test_many_servers.py",
    "test_on_servers.py",
    "test_slow_clients.py",
    "test_inventory.py",  # reads the docs, which the folder does not have
)


def prepared(name: str, group: Group) -> Path:
    """The folder in which mutmut works on a group."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("src", "tests"):
        if not (folder / part).exists():
            (folder / part).symlink_to(ROOT / part)
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/cobalt_link/{pattern}" for pattern in group.files],
        "pytest_add_cli_args_test_selection": [f"tests/{path}" for path in group.tests],
        "pytest_add_cli_args": ["-p", "tests.house.quickest", *(f"--ignore-glob=*/{name}" for name in LEFT_OUT)],
        "type_check_command": [*TYPES, *(f"src/cobalt_link/{pattern}" for pattern in group.files)],
        "process_isolation": "forkserver",
        "timeout_multiplier": 2.0,
        "timeout_constant": 15.0,
        "use_git_change_detection": False,
        "debug": bool(os.environ.get("MUTMUT_DEBUG")),
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "pyproject.toml").write_text(
        (ROOT / "pyproject.toml").read_text() + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n"
    )
    return folder


@asynccontextmanager
async def database() -> AsyncIterator[dict[str, str]]:
    """One server for all tests of all mutants, with a migrated template; what tells the tests of it."""
    with TemporaryDirectory(prefix="mutants-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        async with await acquire(Path(folder) / "postgres") as lease:
            async with await psycopg.AsyncConnection.connect(lease.dsn, autocommit=True) as server:
                await server.execute(f"CREATE DATABASE {TEMPLATE}")
            await migrate(make_conninfo(lease.dsn, dbname=TEMPLATE))
            yield {"COBALT_TEST_DATABASE_URL": lease.dsn, "COBALT_TEST_TEMPLATE": TEMPLATE}


def results(name: str) -> dict[str, int | None]:
    """The exit code of each mutant of a group; None for one that has not been tried."""
    found: dict[str, int | None] = {}
    for notes in sorted((FOLDER / name / "mutants" / "src").rglob("*.meta")):
        found |= json.loads(notes.read_text())["exit_code_by_key"]
    return found


def counted(codes: dict[str, int | None]) -> dict[str, int]:
    """How many mutants there are, how many the tests and the types noticed, survived, and are yet to be tried."""
    alive = sum(code in (SURVIVED, UNTESTED) for code in codes.values())
    types = sum(code == REFUSED_BY_TYPES for code in codes.values())
    open_ = sum(code is None for code in codes.values())
    tests = len(codes) - alive - types - open_
    return {"mutants": len(codes), "tests": tests, "types": types, "alive": alive, "open": open_}


def survivors(codes: dict[str, int | None]) -> list[str]:
    return sorted(name for name, code in codes.items() if code in (SURVIVED, UNTESTED))


def readable(mutant: str) -> tuple[str, str]:
    """The place and the number of a mutant. mutmut writes `a.b.xǁClassǁmethod__mutmut_3` or `a.b.x_name__mutmut_3`."""
    place, _, number = mutant.rpartition("__mutmut_")
    module, _, function = place.rpartition(".")
    function = function.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in function else function.removeprefix("x_")
    return f"{module.removeprefix('cobalt_link.')}.{function}", number


def change(name: str, mutant: str) -> str:
    """The lines that a mutant takes away and puts there, as mutmut shows them."""
    program = str(Path(sys.executable).with_name("mutmut"))
    told = subprocess.run([program, "show", mutant], cwd=FOLDER / name, check=True, capture_output=True, text=True)
    lines = [line for line in told.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines)


def page(groups: dict[str, dict[str, int | None]], changes: Callable[[str, str], str] = change) -> str:
    rows = [f"| {name} | {' | '.join(str(n) for n in counted(codes).values())} | {noticed(codes)} |"
            for name, codes in groups.items()]  # fmt: skip
    parts = [HEAD, "\n".join([*TABLE, *rows])]
    for name, codes in groups.items():
        if found := survivors(codes):
            parts.append(f"## Survivors in {name}")
            parts += [f"`{place}`, {n}:\n\n```diff\n{changes(name, each)}\n```"
                      for each in found for place, n in [readable(each)]]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def noticed(codes: dict[str, int | None]) -> str:
    count = counted(codes)
    tried = count["mutants"] - count["open"]
    return f"{100 * (count['tests'] + count['types']) / tried:.1f} %" if tried else "-"


async def run(names: list[str], again: bool, children: int) -> None:
    async with database() as server:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | server
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment["PYTHONHASHSEED"] = "0"
        for name in names:
            folder = prepared(name, GROUPS[name])
            alive = [mutant for mutant, code in results(name).items() if code in (SURVIVED, UNTESTED)] if again else []
            command = ["nice", "mutmut", "run", "--max-children", str(children), *alive]
            if not again or alive:
                ended = await asyncio.create_subprocess_exec(*command, cwd=folder, env=environment)
                await ended.wait()
            if untried := counted(results(name))["open"]:
                # mutmut has printed why. Its tests may have failed without any change.
                sys.exit(f"{untried} mutants of {name} were not tried.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--children", type=int, default=1)
    options = parser.parse_args()
    if options.page:
        print(page({name: results(name) for name in GROUPS}), end="")
        return
    asyncio.run(run(options.groups or list(GROUPS), options.again, options.children))


if __name__ == "__main__":
    main()
