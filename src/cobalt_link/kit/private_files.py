"""What only the user who runs the program may have access to: the data folder, the master key."""

import os
import pwd
import stat
from pathlib import Path


class NotPrivate(Exception):
    """Another user owns a file or folder of ours, or has access to it. The message names the fix."""


def check_private(path: Path, status: os.stat_result | None = None) -> None:
    """Raises `NotPrivate` unless `path` is ours alone. `status` is that of the open file, if it is open already."""
    status = status or path.stat()
    is_folder = stat.S_ISDIR(status.st_mode)
    if status.st_uid != os.geteuid():
        # Its owner could give us another key, or settings that run programs as us. So root is refused too.
        owner, me = _name(status.st_uid), _name(os.geteuid())
        raise NotPrivate(
            f"{path} belongs to the user {owner}, and this program runs as {me}. Run it as {owner}, or run"
            f" `chown {'-R ' if is_folder else ''}{me} {path}`."
        )
    if (mode := stat.S_IMODE(status.st_mode)) & (stat.S_IRWXG | stat.S_IRWXO):
        fix = f"chmod {700 if is_folder else 600} {path}"
        raise NotPrivate(f"Other users can use {path} (mode {mode:04o}). Run `{fix}`.")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
