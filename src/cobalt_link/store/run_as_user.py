"""As whom the embedded server runs: PostgreSQL refuses root, and nobody else may touch what belongs to us.

Root gives it a user namespace, where it owns root's files but has none of root's powers; where that is not allowed, an
unprivileged user; else it is refused with the fix. Anyone else runs it as themselves.
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

# A user of PostgreSQL's own is right; `nobody` would share our data with every other program that runs as nobody.
_USERS = ("cobalt", "postgres", "_postgres")


class RunAs(msgspec.Struct, frozen=True):
    """`prefix` goes before the command; `user` and `group` are ids to become, or None."""

    prefix: Sequence[str] = ()
    user: int | None = None
    group: int | None = None

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        if self.user is not None:
            options |= {"user": self.user, "group": self.group, "extra_groups": []}
        return subprocess.run([*self.prefix, *command], check=False, **options)  # noqa: S603

    def own(self, *paths: Path) -> None:
        if self.user is not None and self.group is not None:
            for path in paths:
                os.chown(path, self.user, self.group, follow_symlinks=False)


def choose(folder: Path, postgres: Path) -> RunAs:
    """For a server whose files rest in `folder` (existing) and whose program is `postgres`."""
    if os.geteuid() != 0:
        return RunAs()
    owner = folder.stat().st_uid
    if owner == 0 and (namespace := _namespace()):
        return namespace
    for entry in _candidates(owner):
        run_as = RunAs(user=entry.pw_uid, group=entry.pw_gid)
        if _reaches(run_as, folder, postgres):
            return run_as
    raise EmbeddedServerError(
        "PostgreSQL must not run as root, and here it can neither get a user namespace (`unshare --user` fails) nor "
        f"run as a user ({', '.join(_USERS)}) who reaches {folder.parent} and {postgres}. Do one of these: start "
        "Cobalt Link as an ordinary user; allow user namespaces; create a system user named cobalt and put the data "
        "folder and the installation where that user may enter; or set DATABASE_URL to a PostgreSQL server of yours."
    )


def _namespace() -> RunAs | None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--user", "true"], capture_output=True, check=False).returncode:  # noqa: S603
        return None
    return RunAs(prefix=(unshare, "--user"))


def _candidates(owner: int) -> list[pwd.struct_passwd]:
    """The folder's owner when it is not root (it was made that way before), else each user of `_USERS` there is."""
    try:
        if owner != 0:
            return [pwd.getpwuid(owner)]
    except KeyError:
        return []
    return [entry for entry in pwd.getpwall() if entry.pw_name in _USERS]


def _reaches(run_as: RunAs, folder: Path, postgres: Path) -> bool:
    """Whether that user may enter the folder above ours and run the program; we change no mode to make it so."""
    test = 'test -x "$1" && "$2" -V'
    command = ["/bin/sh", "-c", test, "sh", str(folder.parent), str(postgres)]
    return run_as.run(command, capture_output=True, cwd="/").returncode == 0
