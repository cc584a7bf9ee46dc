"""The user that the embedded server runs as. PostgreSQL refuses root, and no other user may touch our files.

An ordinary user runs it as themselves. Root runs it in a user namespace, where it owns root's files without root's
rights, or else as an unprivileged user. If neither is possible, the error names the fix.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from cobalt_link.store.errors import EmbeddedServerError

# Users that exist only for this. As `nobody`, the server would share our data with every other program of that user.
_USERS = ("cobalt", "postgres", "_postgres")


class RunAs(msgspec.Struct, frozen=True):
    """`prefix` is put before the command. `user` and `group` are the ids to change to, or None."""

    prefix: Sequence[str] = ()
    user: int | None = None
    group: int | None = None

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        if self.user is not None:
            options |= {"user": self.user, "group": self.group, "extra_groups": []}
        return subprocess.run([*self.prefix, *command], check=False, **options)  # noqa: S603

    def chown(self, *paths: Path) -> None:
        if self.user is not None and self.group is not None:
            for path in paths:
                os.chown(path, self.user, self.group, follow_symlinks=False)


def choose_user(folder: Path, postgres: Path) -> RunAs:
    """The user for a server with its files in `folder`, which exists, and the program `postgres`."""
    if os.geteuid() != 0:
        return RunAs()
    owner = folder.stat().st_uid
    if owner == 0 and (namespace := _namespace()):
        return namespace
    for entry in _candidates(owner):
        run_as = RunAs(user=entry.pw_uid, group=entry.pw_gid)
        if _can_run(run_as, folder, postgres):
            return run_as
    raise EmbeddedServerError(
        "PostgreSQL must not run as root. It could not run in a user namespace (`unshare --user` fails), and none of "
        f"the users {', '.join(_USERS)} can reach {folder.parent} and {postgres}. Start Cobalt Link as an ordinary "
        "user, allow user namespaces, create a system user cobalt that can reach both folders, or set DATABASE_URL to "
        "your own PostgreSQL server."
    )


def _namespace() -> RunAs | None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--user", "true"], capture_output=True, check=False).returncode:  # noqa: S603
        return None
    return RunAs(prefix=(unshare, "--user"))


def _candidates(owner: int) -> list[pwd.struct_passwd]:
    """The owner of the folder if that is not root: an earlier start chose it. Else the existing ones of `_USERS`."""
    try:
        if owner != 0:
            return [pwd.getpwuid(owner)]
    except KeyError:
        return []
    return [entry for entry in pwd.getpwall() if entry.pw_name in _USERS]


def _can_run(run_as: RunAs, folder: Path, postgres: Path) -> bool:
    """Whether that user may enter the parent folder and run the program. We never change a mode to allow it."""
    test = 'test -x "$1" && "$2" -V'
    command = ["/bin/sh", "-c", test, "sh", str(folder.parent), str(postgres)]
    return run_as.run(command, capture_output=True, cwd="/").returncode == 0
