"""A PostgreSQL 15 of the operating system, over TCP: what DATABASE_URL may point at (S-089)."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

PROGRAMS = Path("/usr/lib/postgresql/15/bin")


class Server:
    """A server of one test or session: `dsn` is its superuser, over TCP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = secrets.token_hex(8)
        self.as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.dsn = f"postgresql://tester:{self.password}@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen | None = None

    def create(self) -> None:
        word = self.folder / "word"
        word.write_text(self.password)
        word.chmod(0o644)
        command = [
            PROGRAMS / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "tester",
            "--auth=scram-sha-256",
            "-E",
            "UTF8",
        ]
        command += ["--no-sync", "--no-locale", f"--pwfile={word}"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **self.as_user)

    def start(self, *settings: str) -> None:
        options = [f"-c{setting}" for setting in ("listen_addresses=127.0.0.1", f"port={self.port}", *settings)]
        command = [PROGRAMS / "postgres", "-D", self.folder / "data", "-k", self.folder, *options]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self.as_user)
        while True:
            try:
                psycopg.connect(self.dsn).close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()

    def stop(self, how: int = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def outside() -> Iterator[Server]:
    """Running; a test that stops it starts it again."""
    if not (PROGRAMS / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed on this machine")
    folder = Path(tempfile.mkdtemp(prefix="cobalt-pg15-", dir="/tmp"))
    server = Server(folder)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
