"""A secret file: read only when nobody else can read it, replaced at once, never half written."""

import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cobalt_link.vault.errors import KeyringProblem


def read_private(path: Path) -> bytes:
    """The content of a file that only its owner can read, else `KeyringProblem` with the fix."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise KeyringProblem(f"{path} can be used by other users (mode {mode:04o}): run `chmod 600 {path}`.")
            return file.read()
    except FileNotFoundError:
        raise KeyringProblem(
            f"There is no keyring at {path}. For a new installation run `cobalt keys generate`; "
            "for an existing one bring back the copy of its keyring."
        ) from None
    except OSError as error:
        raise KeyringProblem(f"The keyring at {path} cannot be read: {error.strerror}. Check owner and path.") from None


def replace_private(path: Path, content: bytes, check_old: Callable[[bytes], None]) -> None:
    """Writes the file with mode 0600 and renames it into place; `check_old` may refuse to replace what is there."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two rotations at once would each drop the other's key
        if path.exists():
            check_old(path.read_bytes())
        _write_and_rename(path, content)
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_and_rename(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            fresh.unlink()
        raise
