"""The files of one embedded PostgreSQL server ("cluster"). They are created completely or not at all, for us alone.

The folder (0700) contains `data/`, `socket/`, `pgpass` (0600, so that no address and no process list shows the
password), `server.log`, and the lock files of `embedded.py`.
"""

import os
import re
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from cobalt_link.store.errors import EmbeddedServerError
from cobalt_link.store.run_as_user import RunAs, choose_user

USER = DATABASE = "cobalt"
ADMIN = "postgres"

_SOCKET = ".s.PGSQL.5432"
_MAX_SOCKET_PATH = 107  # bytes of a Unix socket's path on Linux (103 on macOS)
_LOG_LIMIT = 1_000_000  # bytes

# Connections only through the socket, and only with the password.
_HBA = "local all all scram-sha-256\n"

# For a laptop or a small server. The log shows no statements and no values, because both may contain secrets.
_CONF = """\
# Written once by Cobalt Link. You may change it. Addresses and the socket are set on the command line.
max_connections = 200
shared_buffers = 64MB
max_wal_size = 256MB
min_wal_size = 32MB
wal_recycle = off               # delete old WAL files instead of reusing them: erased secrets leave the disk
jit = off
max_parallel_workers_per_gather = 0
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_min_messages = warning
log_checkpoints = off
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
"""
_CONF_18 = """\
io_method = sync                # saves three processes
scram_iterations = 1            # passwords are random keys, so more iterations would only slow down connections
"""

# The environment of the server's processes. Ours is not passed on, because it may contain keys.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"} | {
    name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ
}


class Cluster:
    """The paths of one folder, and the changes that are allowed while no server runs on it."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.binaries = binaries
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.pgpass = self.folder / "pgpass"
        self._socket_note = self.folder / "socket-folder"

    def create_folder(self) -> None:
        """Creates the folder with mode 0700, or checks that an existing one is ours and sets that mode."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or (status.st_uid != os.geteuid() != 0):
            raise EmbeddedServerError(f"{self.folder} belongs to another user. Use another data folder (--data).")
        if stat.S_IMODE(status.st_mode) != 0o700:
            self.folder.chmod(0o700)

    def prepare(self, lock_fd: int) -> tuple[RunAs, list[str]]:
        """Creates what the postmaster needs. Returns the user to run it as, and its command.

        `lock_fd` is the locked file of this folder. The programs inherit it, so the lock lasts until all have ended.
        """
        run_as = choose_user(self.folder, self.binaries / "postgres")
        run_as.chown(self.folder)
        if not self.data.exists():
            self._create(run_as, lock_fd)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        socket = self._socket_folder()
        run_as.chown(socket)
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": f'"{socket}"',
            "unix_socket_permissions": "0700",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return run_as, [*run_as.prefix, str(self.binaries / "postgres"), "-D", str(self.data), *options]

    def remove_socket(self) -> None:
        """Removes the socket of a server that has ended, and its folder if that is outside of ours."""
        noted = self._socket_note.exists()
        socket = Path(self._socket_note.read_text()) if noted else self.folder / "socket"
        # By name and not recursively: if root runs the server as another user, that user can write the note.
        with suppress(OSError):
            for name in (_SOCKET, f"{_SOCKET}.lock"):
                (socket / name).unlink(missing_ok=True)
            if noted:
                socket.rmdir()
        self._socket_note.unlink(missing_ok=True)

    def explain_failure(self) -> str:
        """A message that says why the server did not start."""
        made_by, ours = (self.data / "PG_VERSION").read_text().strip(), self._major()
        if made_by != str(ours):
            return (
                f"The database in {self.folder} was created by PostgreSQL {made_by}, but the programs in "
                f"{self.binaries} are version {ours}. Set COBALT_POSTGRES_BIN to programs of version {made_by} and "
                "run `cobalt backup`. Then move the folder away, remove that setting, and run `cobalt restore`."
            )
        tail = self.log.read_text(errors="replace")[-800:].strip()
        return f"The embedded database did not start. The end of {self.log}:\n{tail}"

    def _create(self, run_as: RunAs, lock_fd: int) -> None:
        # Renamed at the end, so that a process that is killed leaves no incomplete database behind.
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        run_as.chown(unfinished)
        passwords = {ADMIN: secrets.token_hex(32), USER: secrets.token_hex(32)}
        _write_private(self.pgpass, "".join(f"*:*:*:{user}:{word}\n" for user, word in passwords.items()))
        self._initdb(run_as, lock_fd, unfinished)
        _write_private(unfinished / "pg_hba.conf", _HBA)
        _write_private(unfinished / "postgresql.conf", _CONF + (_CONF_18 if self._major() >= 18 else ""))
        run_as.chown(unfinished / "pg_hba.conf", unfinished / "postgresql.conf")
        first = [
            f"ALTER ROLE {ADMIN} PASSWORD '{passwords[ADMIN]}'",
            f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{passwords[USER]}'",
            f"GRANT pg_checkpoint TO {USER}",  # for erase.py
            f"CREATE DATABASE {DATABASE} OWNER {USER}",
        ]
        # Through standard input, so that no process list shows the passwords. Single-user mode takes one line each.
        command = ["postgres", "--single", "-D", str(unfinished), "-c", "exit_on_error=on", ADMIN]
        self._run(run_as, lock_fd, command, "".join(f"{statement};\n" for statement in first))
        unfinished.rename(self.data)

    def _initdb(self, run_as: RunAs, lock_fd: int, data: Path) -> None:
        options = ["--encoding=UTF8", "--auth=scram-sha-256", "--no-instructions", f"--username={ADMIN}"]
        # An upgrade of the system's C library changes its collations and corrupts indexes. The built-in provider (from
        # PostgreSQL 17) does not change.
        modern = self._major() >= 17
        options += ["--locale-provider=builtin", "--locale=C.UTF-8"] if modern else ["--locale=C"]
        nothing = self.folder / "pgpass.new"
        _write_private(nothing, secrets.token_hex(32) + "\n")
        run_as.chown(nothing)
        try:
            self._run(run_as, lock_fd, ["initdb", "-D", str(data), f"--pwfile={nothing}", *options])
        finally:
            nothing.unlink()

    def _major(self) -> int:
        version = RunAs().run([str(self.binaries / "postgres"), "-V"], capture_output=True).stdout
        found = re.search(rb"\) (\d+)", version)
        return int(found[1]) if found else 0

    def _run(self, run_as: RunAs, lock_fd: int, command: list[str], text: str = "") -> None:
        done = run_as.run(
            [str(self.binaries / command[0]), *command[1:]],
            input=text.encode(),
            capture_output=True,
            env=ENVIRONMENT,
            cwd="/",
            umask=0o077,
            pass_fds=[lock_fd],
        )
        if done.returncode:
            tail = done.stderr.decode(errors="replace")[-800:].strip()
            raise EmbeddedServerError(f"{command[0]} could not set up the embedded database: {tail}")

    def _socket_folder(self) -> Path:
        inside = self.folder / "socket"
        if len(os.fsencode(inside / _SOCKET)) <= _MAX_SOCKET_PATH:
            inside.mkdir(mode=0o700, exist_ok=True)
            return inside
        self.remove_socket()
        # mkdtemp creates it with mode 0700, under a name that nobody can have prepared.
        elsewhere = tempfile.mkdtemp(prefix="cobalt-", dir=os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108
        _write_private(self._socket_note, elsewhere)
        return Path(elsewhere)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(open_private(path, os.O_WRONLY | os.O_EXCL), "w") as file:
        file.write(text)


def open_private(path: Path, flags: int) -> int:
    """Opens a file (0600, created if missing) that gets the owner of its folder. Returns the file descriptor.

    Root may run a command on the folder of a user and must leave no file there that the user cannot open.
    """
    handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    folder = path.parent.stat()
    if os.geteuid() == 0 != folder.st_uid:
        os.fchown(handle, folder.st_uid, folder.st_gid)
    return handle
