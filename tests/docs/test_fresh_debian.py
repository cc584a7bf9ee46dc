"""docs/how-to/run-it.md, followed on a fresh Debian 12: its commands as root, its settings, and its unit's command.

debootstrap makes the Debian, and the commands run in it by chroot, in mounts and processes of their own. systemd does
not run there: the unit's program is started as its user. How this machine reaches packages is copied into it.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.samples import DOCS, ROOT, samples
from tests.support import proof
from tests.support.world import free_port

PAGE = DOCS / "how-to" / "run-it.md"
REACHES_PACKAGES = (
    "/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/apt/sources.list", "/etc/apt/sources.list.d",
    "/etc/apt/apt.conf.d", "/etc/apt/trusted.gpg.d", "/usr/share/keyrings", "/etc/ssl/certs",
)  # fmt: skip
MISSING = [each for each in ("debootstrap", "unshare", "chroot") if not shutil.which(each)]
INSIDE = """
mount --bind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
mount -t proc proc "$1/proc"
exec chroot "$1" /bin/sh -eu /follow.sh
"""
FOLLOW = """
{install}
install -o cobalt -g cobalt -m 700 -d /var/lib/cobalt/data
{keys}
install -o cobalt -g cobalt -m 600 /cobalt.toml /var/lib/cobalt/data/cobalt.toml
runuser -u {user} -- env COBALT_PORT={port} {environment} {start} 2>/serve.log &
for _ in $(seq 600); do
    grep -q '"event": *"ready"' /serve.log && break
    sleep 0.1
done
cat /serve.log >&2
{check} || test $? = 1
"""


@pytest.mark.slow
@pytest.mark.skipif(proof.SIZE != "nightly", reason="it loads 300 MB, so it runs with the full size only")
@pytest.mark.skipif(os.geteuid() != 0 or bool(MISSING), reason=f"needs root, and on this machine: {MISSING}")
def test_the_page_works_as_written_on_a_fresh_debian(tmp_path: Path) -> None:
    root = tmp_path / "debian"
    debian = ["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(root)]
    subprocess.run(debian, check=True, capture_output=True)
    for path in REACHES_PACKAGES:
        copied(Path(path), root)
    if certificate := os.environ.get("PIP_CERT"):
        copied(Path(certificate), root)
    repository_in(root / "opt" / "cobalt-link")
    (root / "cobalt.toml").write_text(block("settings"))
    (root / "follow.sh").write_text(script(free_port()))
    inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", INSIDE, "sh", str(root)]
    done = subprocess.run(inside, check=False, capture_output=True, text=True, timeout=1500, env=environment())
    said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, said
    found = {name: state for state, name in re.findall(r"^(ok|warn|FAIL)\s+([^:]+):", done.stdout, re.M)}
    assert {name for name, state in found.items() if state == "FAIL"} == {"host names"}, said  # link.example.com
    ok = {name for name, state in found.items() if state == "ok"}
    assert ok >= {"master key", "data folder", "database", "keys of accounts", "LISTEN"}, said


def script(port: int) -> str:
    """The page's blocks in their order, around what it says in words."""
    install, keys, check = (each.text for each in samples(PAGE) if each.kind == "sh")
    unit = next(each.text for each in samples(PAGE) if each.kind == "ini")
    user, variable, start = (
        re.search(rf"^{name}=(.*)$", unit, re.M)[1]  # type: ignore[index]
        for name in ("User", "Environment", "ExecStart")
    )
    return FOLLOW.format(
        install=install,
        keys=without_sudo(keys),
        check=without_sudo(check),
        user=user,
        environment=variable,
        start=start,
        port=port,
    )


def without_sudo(commands: str) -> str:
    """As the page says: where `sudo` is not installed."""
    assert "use `runuser -u cobalt --` instead of `sudo -u cobalt`" in re.sub(r"\s+", " ", PAGE.read_text())
    return commands.replace("sudo -u cobalt ", "runuser -u cobalt -- ")


def block(mark: str) -> str:
    return next(each.text for each in samples(PAGE) if each.mark == mark)


def copied(path: Path, root: Path) -> None:
    there = root / path.relative_to("/")
    if path.is_dir():
        shutil.copytree(path, there, dirs_exist_ok=True, symlinks=True)
    elif path.exists():
        there.parent.mkdir(parents=True, exist_ok=True)
        there.unlink(missing_ok=True)
        shutil.copy(path, there)


def repository_in(folder: Path) -> None:
    """What git tracks, as a clone has it."""
    folder.mkdir(parents=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def environment() -> dict[str, str]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    of_pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"PATH": path, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **of_pip}
