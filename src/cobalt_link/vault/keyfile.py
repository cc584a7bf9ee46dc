"""A secret file. It is read only if no other user can read it, and it is replaced in one step."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cobalt_link.kit.private_files import NotPrivate, check_private
from cobalt_link.vault.errors import KeyringError


def read_private(path: Path) -> bytes:
    """The content of a file that is ours and that nobody else can read. Raises `KeyringError` with the fix."""
    try:
        with path.open("rb") as file:
            # The status of the open file, not of the path: the path could be replaced in between.
            check_private(path, os.fstat(file.fileno()))
            return file.read()
    except NotPrivate as problem:
        raise KeyringError(str(problem)) from None
    except FileNotFoundError:
        raise KeyringError(
            f"There is no keyring at {path}. For a new installation, run `cobalt keys generate`. "
            "For an existing one, restore the copy of its keyring."
        ) from None
    except OSError as error:
        raise KeyringError(
            f"The keyring at {path} cannot be read: {error.strerror}. Check its owner and its path."
        ) from None


def replace_private(path: Path, content: bytes, check_old: Callable[[bytes], None]) -> None:
    """Writes a new file with mode 0600 and renames it into place. `check_old` may raise to keep the old content."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Two rotations at the same time would each drop the key of the other.
        fcntl.flock(folder, fcntl.LOCK_EX)
        if path.exists():
            check_old(path.read_bytes())
        _write_and_rename(path, content)
        # The rename is in the folder. Without this a crash could bring the old file back.
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_and_rename(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            # O_CREAT gives the mode only to a new file, and a killed process may have left one behind.
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            fresh.unlink()
        raise
