"""Installs the real GNU Health once into a cache folder, with one seeded database; safe for parallel test runs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPO = HERE.parents[2]
REQUIREMENTS = HERE / "gnuhealth-requirements.txt"
LAB = HERE / "gnuhealth_lab"
MODULES = ("health", "authentication_sms")
ADMIN_PASSWORD = "Adm1n-Lab-Pass!"


def cache() -> Path:
    root = Path(os.environ.get("COBALT_TEST_CACHE") or REPO / ".cache")
    root.mkdir(parents=True, exist_ok=True)
    return root


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join((sys.version.split()[0].encode(), *parts))).hexdigest()[:12]


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`, made by `make` in the one process that comes first; a half-made one is thrown away."""
    with _locked(target):
        ready = target / "ready"
        if not ready.exists():
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            make(target)
            ready.touch()
    return target


def run(*words: str | Path, **options: Any) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{Path(words[0]).name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def environment() -> Path:
    """A virtual environment with GNU Health and its SMS sign-in."""
    return made_once(cache() / f"gnuhealth-{digest(REQUIREMENTS.read_bytes())}", _install)


def _install(folder: Path) -> None:
    run(sys.executable, "-m", "venv", folder / "venv")
    pip = (folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check")
    # The list is complete, but for psycopg2, which the tests do without.
    run(*pip, "--no-deps", "--require-hashes", "-r", REQUIREMENTS)


def database(seed: Callable[[Path], None], source: Path, *more: str) -> Path:
    """A seeded SQLite file with GNU Health's core and `more` modules, to be copied; made anew when the requirements or
    the seed's `source` change."""
    sources = (REQUIREMENTS.read_bytes(), source.read_bytes(), *(name.encode() for name in more))

    def make(folder: Path) -> None:
        configure(folder, authentications="password", port=0)
        create(folder, "seeded", (*MODULES, *more))
        seed(folder)

    return made_once(cache() / f"gnuhealth-database-{digest(*sources)}", make) / "seeded.sqlite"


def plain_tryton() -> Path:
    """A database of Tryton without GNU Health, to be copied."""

    def make(folder: Path) -> None:
        configure(folder, authentications="password", port=0)
        create(folder, "plain", ("res",))

    return made_once(cache() / f"tryton-database-{digest(REQUIREMENTS.read_bytes())}", make) / "plain.sqlite"


def create(folder: Path, name: str, modules: tuple[str, ...]) -> None:
    """A database without people; the empty file has to be there before."""
    (folder / f"{name}.sqlite").touch()
    (folder / "passfile").write_text(ADMIN_PASSWORD)
    run(
        *(environment() / "venv/bin/trytond-admin", "-c", folder / "trytond.conf", "-d", name),
        *("-u", *modules, "--activate-dependencies", "--email", "admin@example.org"),
        env=os.environ | {"TRYTONPASSFILE": str(folder / "passfile")},
    )


def configure(folder: Path, *, authentications: str, port: int, hide_databases: bool = False, **session: int) -> None:
    """`session` are settings of Tryton's [session]: max_attempt, max_age, timeout."""
    lines = ["[database]", "uri = sqlite://", f"path = {folder}", f"list = {not hide_databases}"]
    lines += ["[web]", f"listen = 127.0.0.1:{port}"]
    lines += ["[session]", f"authentications = {authentications}", *(f"{key} = {n}" for key, n in session.items())]
    lines += ["[authentication_sms]", "function = lab_sms.send"]
    (folder / "trytond.conf").write_text("\n".join(lines) + "\n")
