"""The keyring file: no key, no start; and no way to lose a key by accident."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cobalt_link.vault import GCM_SIV, XAES, Keyring, KeyringError
from cobalt_link.vault import keyfile as keyfile_module
from cobalt_link.vault.keyfile import read_private


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


def same(one: Keyring, other: Keyring) -> bool:
    return one.dump() == other.dump()


def test_a_saved_ring_loads_again(path: Path) -> None:
    ring = Keyring.generate()
    ring.rotate(XAES)
    ring.add_hash_key()
    ring.save(path)
    assert same(Keyring.load(path), ring)
    assert same(Keyring.parse(path.read_text()), ring)


def test_the_file_is_for_its_owner_only_and_alone_in_its_folder(path: Path) -> None:
    before = os.umask(0)
    try:
        Keyring.generate().save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["master.key"]


def test_the_file_is_private_from_its_first_moment_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens it before it is made private could read the keys that are written to it afterwards."""
    seen = []

    def too_late(fd: int, _mode: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(fd).st_mode))

    monkeypatch.setattr(keyfile_module.os, "fchmod", too_late)
    before = os.umask(0)
    try:
        Keyring.generate().save(path)
    finally:
        os.umask(before)
    assert seen == [0o600]


class Exchanged(type(Path())):  # type: ignore[misc]
    """A path at which another file stands as soon as the first is open."""

    def open(self, *args: Any, **options: Any) -> Any:
        file = super().open(*args, **options)
        Path(f"{self}.next").replace(self)
        return file


def test_the_file_that_is_read_is_the_one_that_was_found_private(path: Path) -> None:
    follower = Path(f"{path}.next")
    for first, second in ((0o600, 0o666), (0o666, 0o600)):
        for file, mode in ((path, first), (follower, second)):
            file.write_text(f"{mode:o}")
            file.chmod(mode)
        if first == 0o600:
            assert read_private(Exchanged(path)) == b"600"
        else:
            with pytest.raises(KeyringError, match="Other users can use"):
                read_private(Exchanged(path))


def test_a_key_is_dated_by_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    # A zone where it is another day just now: 12 hours behind in the morning, 14 ahead later on.
    monkeypatch.setenv("TZ", "West+12" if datetime.now(UTC).hour < 12 else "East-14")
    time.tzset()
    try:
        before = datetime.now(UTC).date().isoformat()
        created = Keyring.generate().hashing[0].created
        assert created in (before, datetime.now(UTC).date().isoformat())
    finally:
        monkeypatch.undo()
        time.tzset()


def test_two_rings_share_no_key() -> None:
    one, other = Keyring.generate(), Keyring.generate()
    assert one.primary != other.primary
    assert one.hashing[0].key != other.hashing[0].key
    assert one.hashing[0].key != one.sealing[one.primary].key


def edit(path: Path, change: Callable[[dict], object]) -> None:
    file = json.loads(path.read_text())
    change(file)
    path.write_text(json.dumps(file))


def shorten(file: dict) -> None:
    file["sealing"][0]["key"] = "c2hvcnQ="


def damage(file: dict) -> None:
    key = file["sealing"][0]["key"]
    file["sealing"][0]["key"] = ("B" if key[0] == "A" else "A") + key[1:]


def damage_hash_key(file: dict) -> None:
    key = file["hashing"][0]["key"]
    file["hashing"][0]["key"] = ("B" if key[0] == "A" else "A") + key[1:]


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "cobalt keys generate"),
    "readable by all": (lambda path: path.chmod(0o644), "chmod 600"),
    "readable by the group": (lambda path: path.chmod(0o640), "chmod 600"),
    "writable by all": (lambda path: path.chmod(0o602), "chmod 600"),
    "empty": (lambda path: path.write_bytes(b""), "copy"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-40]), "copy"),
    "not text": (lambda path: path.write_bytes(os.urandom(300)), "copy"),
    "a folder": (lambda path: (path.unlink(), path.mkdir(0o700)), "Check its owner and its path"),
    "with a short key": (lambda path: edit(path, shorten), "has 5 bytes instead of 32"),
    "with a damaged key": (lambda path: edit(path, damage), "damaged"),
    "with a damaged hash key": (lambda path: edit(path, damage_hash_key), "damaged"),
    "without its primary": (lambda path: edit(path, lambda file: file.update(primary="0" * 16)), "primary"),
    "without hash keys": (lambda path: edit(path, lambda file: file.update(hashing=[])), "hash key"),
    "from the future": (lambda path: edit(path, lambda file: file["sealing"][0].update(algorithm="X")), "know"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_ring_that_cannot_be_trusted_is_refused_with_the_fix(case: str, path: Path) -> None:
    """S-052: the message names the file and the fix, and holds no key."""
    ring = Keyring.generate()
    ring.save(path)
    spoil, advice = BROKEN[case]
    spoil(path)
    with pytest.raises(KeyringError) as caught:
        Keyring.load(path)
    assert advice in str(caught.value)
    assert str(path) in str(caught.value)
    assert all(key["key"] not in str(caught.value) for key in json.loads(ring.dump())["sealing"])
    assert caught.value.__cause__ is None


def test_rotating_adds_a_primary_and_keeps_the_rest() -> None:
    ring = Keyring.generate()
    first = ring.primary
    second = ring.rotate()
    assert ring.primary == second != first
    assert set(ring.sealing) == {first, second}
    assert len(ring.hashing) == 1


def test_an_added_key_only_opens_until_promoted() -> None:
    ring = Keyring.generate()
    first = ring.primary
    added = ring.add(GCM_SIV)
    assert ring.primary == first
    ring.promote(added)
    assert ring.primary == added


def test_a_hash_key_is_current_once_promoted_and_never_goes() -> None:
    ring = Keyring.generate()
    old = ring.hashing[0].id
    new = ring.add_hash_key()
    assert [key.id for key in ring.hashing] == [old, new]
    ring.promote(new)
    assert [key.id for key in ring.hashing] == [new, old]
    with pytest.raises(KeyringError, match="no sealing key"):
        ring.retire(old)


def test_the_primary_and_strangers_cannot_retire() -> None:
    ring = Keyring.generate()
    with pytest.raises(KeyringError, match="Rotate first"):
        ring.retire(ring.primary)
    with pytest.raises(KeyringError, match="no sealing key"):
        ring.retire("0" * 16)
    with pytest.raises(KeyringError, match="has no key"):
        ring.promote("0" * 16)


def test_a_retired_key_leaves_the_file(path: Path) -> None:
    ring = Keyring.generate()
    ring.save(path)
    first = ring.primary
    ring.rotate()
    ring.retire(first)
    ring.save(path)
    assert first not in path.read_text()
    assert same(Keyring.load(path), ring)


def test_saving_never_drops_a_key_that_it_does_not_know(path: Path) -> None:
    Keyring.generate().save(path)
    before = path.read_bytes()
    with pytest.raises(KeyringError, match="would drop"):
        Keyring.generate().save(path)
    stale = Keyring.load(path)
    fresh = Keyring.load(path)
    fresh.rotate()
    fresh.save(path)
    stale.rotate()
    with pytest.raises(KeyringError, match="Load it again"):
        stale.save(path)
    assert path.read_bytes() == fresh.dump() != before


def test_a_save_that_fails_leaves_the_old_file_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring.generate()
    ring.save(path)
    before = path.read_bytes()
    ring.rotate()

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keyfile_module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ring.save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["master.key"]


ROTATE_20_TIMES = """
import sys
from pathlib import Path
from cobalt_link.vault import Keyring, KeyringError
path, done = Path(sys.argv[1]), 0
while done < 20:
    ring = Keyring.load(path)
    kid = ring.rotate()
    try:
        ring.save(path)
    except KeyringError:
        continue
    print(kid)
    done += 1
"""


def test_four_processes_that_rotate_at_once_lose_no_key(path: Path) -> None:
    ring = Keyring.generate()
    ring.save(path)
    command = [sys.executable, "-c", ROTATE_20_TIMES, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    made = [kid for process in running for kid in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in running] == [0] * 4
    assert len(set(made)) == 80
    assert set(Keyring.load(path).sealing) == {ring.primary, *made}
