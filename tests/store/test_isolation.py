"""Nobody but us comes to the embedded server or its files, whoever we are."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.store.serving import Holder, kill_server, postmaster, server_processes

from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.database import Database
from cobalt_link.store.embedded import acquire
from cobalt_link.store.errors import EmbeddedServerError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that every user may enter (pytest's own are closed), so that only our modes protect the data."""
    place = Path(tempfile.mkdtemp(prefix="cobalt-test-", dir="/tmp"))
    place.chmod(0o755)
    yield place
    if (place / "postgres" / "server.lock").exists():
        kill_server(place / "postgres")
    shutil.rmtree(place)


def attempt(user: str, *command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    entry = pwd.getpwnam(user)
    return subprocess.run(
        [str(part) for part in command],
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )


def reachable_python(user: str) -> str:
    """A Python of our version that this user may run, with what is installed here."""
    candidates = [sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")]
    for python in filter(None, candidates):
        try:
            if attempt(user, python, "-c", "import psycopg, cobalt_link.store.embedded", **PATHS).returncode == 0:
                return python
        except PermissionError:
            continue
    pytest.skip(f"user {user} can run no Python {sys.version_info.major}.{sys.version_info.minor} here")


PATHS = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}


async def try_everything(folder: Path, dsn: str, user: str) -> None:
    parts = conninfo_to_dict(dsn)
    password = next(
        line.split(":")[4]
        for line in (folder / "pgpass").read_text().splitlines()
        if line.split(":")[3] == parts["user"]
    )
    psql = find_binaries().path / "psql"
    socket = str(parts["host"])
    select = ("-w", "-d", "cobalt", "-U", "cobalt", "-c", "SELECT 1")
    # The same command works for us, so what follows fails for the right reason.
    ours = subprocess.run([psql, "-h", socket, *select], env={"PGPASSWORD": password}, capture_output=True)
    assert ours.returncode == 0
    assert "Permission denied" in attempt(user, psql, "-h", socket, *select, PGPASSWORD=password).stderr
    assert postmaster(folder).net_connections("tcp") == []
    refused = attempt(user, psql, "-h", "127.0.0.1", *select, PGPASSWORD=password)
    assert refused.returncode != 0
    for path in (folder, folder / "data", folder / "pgpass", folder / "server.log", folder / "data" / "base", socket):
        assert attempt(user, "ls", path, f"{path}/.").returncode != 0
        assert attempt(user, "cat", path).returncode != 0
    pid = str(postmaster(folder).pid)
    assert attempt(user, "sh", "-c", f"kill -INT {pid}").returncode != 0
    assert attempt(user, "cat", f"/proc/{pid}/environ").returncode != 0


def modes(place: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mode for path in [place, *place.parents]}


def others_bits(folder: Path) -> list[Path]:
    return [path for path in [folder, *folder.rglob("*")] if path.lstat().st_mode & 0o077 and not path.is_symlink()]


async def test_another_user_can_neither_connect_nor_read_while_we_run_as_root(open_place: Path) -> None:
    binaries = find_binaries().path
    before = modes(open_place) | modes(binaries / "postgres") | modes(binaries.parent / "lib")
    folder = open_place / "postgres"
    async with await acquire(folder) as lease:
        await try_everything(folder, lease.dsn, "nobody")
        sockets = [path for path in folder.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
        assert others_bits(folder) == [] and len(sockets) == 1
    assert modes(open_place) | modes(binaries / "postgres") | modes(binaries.parent / "lib") == before


async def test_the_server_has_none_of_roots_powers(open_place: Path) -> None:
    async with await acquire(open_place / "postgres"):
        for process in [postmaster(open_place / "postgres"), *postmaster(open_place / "postgres").children()]:
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert int(status.split("CapEff:")[1].split()[0], 16) == 0


async def test_a_wrong_password_does_not_come_in_even_as_us(open_place: Path) -> None:
    async with await acquire(open_place / "postgres") as lease:
        for user in ("cobalt", "postgres"):
            wrong = make_conninfo(lease.dsn, user=user, passfile="/dev/null", password="wrong")
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                await psycopg.AsyncConnection.connect(wrong)


async def test_the_address_shows_no_password(open_place: Path) -> None:
    async with await acquire(open_place / "postgres") as lease:
        words = [line.split(":")[4] for line in (open_place / "postgres" / "pgpass").read_text().splitlines()]
        assert len(words) == 2
        assert not [word for word in words if word in lease.dsn]
        for process in server_processes(open_place / "postgres"):
            assert not [word for word in words if word in " ".join(process.cmdline())]


async def test_the_application_is_no_superuser(open_place: Path) -> None:
    async with await acquire(open_place / "postgres") as lease:
        db = await Database.open(lease.dsn)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await db.run("COPY (SELECT 1) TO PROGRAM 'id'")
        await db.close()


async def test_an_ordinary_user_has_a_server_that_nobody_else_comes_to(open_place: Path) -> None:
    python = reachable_python("daemon")
    daemon = pwd.getpwnam("daemon")
    os.chown(open_place, daemon.pw_uid, daemon.pw_gid)
    folder = open_place / "postgres"
    as_daemon = {"user": daemon.pw_uid, "group": daemon.pw_gid, "extra_groups": [], "cwd": "/"}
    holder = await Holder.start(folder, python=python, env={**os.environ, **PATHS}, **as_daemon)
    await holder.ready()
    assert postmaster(folder).uids().effective == daemon.pw_uid
    await try_everything(folder, holder.dsn, "nobody")
    assert others_bits(folder) == []
    await holder.leave()
    assert server_processes(folder) == []


async def test_root_may_use_a_users_folder_and_the_user_still_can(open_place: Path) -> None:
    python = reachable_python("daemon")
    daemon = pwd.getpwnam("daemon")
    folder = open_place / "postgres"
    folder.mkdir(mode=0o700)
    os.chown(folder, daemon.pw_uid, daemon.pw_gid)
    async with await acquire(folder) as lease:
        assert postmaster(folder).uids().effective == daemon.pw_uid
        db = await Database.open(lease.dsn)
        await db.run("CREATE TABLE rows (who text, n int, PRIMARY KEY (who, n))")
        await db.close()
    assert {path.lstat().st_uid for path in folder.rglob("*")} == {daemon.pw_uid}
    as_daemon = {"user": daemon.pw_uid, "group": daemon.pw_gid, "extra_groups": [], "cwd": "/"}
    holder = await Holder.start(folder, python=python, env={**os.environ, **PATHS}, **as_daemon)
    await holder.ready()
    await holder.leave()


@pytest.fixture
def without_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without `unshare`, as many containers are."""
    monkeypatch.setenv("PATH", str(tmp_path))


async def test_where_there_are_no_user_namespaces_root_has_an_unprivileged_user_serve(
    open_place: Path, without_namespaces: None
) -> None:
    if not any(entry.pw_name == "postgres" for entry in pwd.getpwall()):
        pytest.skip("there is no user postgres here")
    folder = open_place / "postgres"
    before = modes(open_place)
    for _ in range(2):
        async with await acquire(folder) as lease:
            assert psutil.Process(postmaster(folder).pid).username() == "postgres"
            db = await Database.open(lease.dsn)
            assert await db.one("SELECT 1 AS one") == {"one": 1}
            await db.close()
            await try_everything(folder, lease.dsn, "nobody")
            assert others_bits(folder) == []
    assert modes(open_place) == before


async def test_where_nobody_can_serve_root_is_refused_with_the_fix(open_place: Path, without_namespaces: None) -> None:
    open_place.chmod(0o700)
    with pytest.raises(EmbeddedServerError, match="create a system user cobalt"):
        await acquire(open_place / "postgres")
    assert stat.S_IMODE(open_place.stat().st_mode) == 0o700


async def test_a_folder_of_another_user_is_refused_to_an_ordinary_user(open_place: Path) -> None:
    python = reachable_python("daemon")
    (open_place / "postgres").mkdir()
    code = "import asyncio, sys, pathlib; from cobalt_link.store.embedded import acquire; "
    code += "asyncio.run(acquire(pathlib.Path(sys.argv[1])))"
    refused = attempt("daemon", python, "-c", code, open_place / "postgres", **PATHS)
    assert "belongs to another user" in refused.stderr
