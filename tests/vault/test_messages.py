"""Each error of the vault says what happened and what to do next, whole and in these words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cobalt_link.vault import CannotOpen, KeyMissing, Keyring, KeyringError

LOST_FILE = (
    "There is no keyring at {path}. For a new installation, run `cobalt keys generate`. "
    "For an existing one, restore the copy of its keyring."
)
UNKNOWN_ALGORITHM = (
    "{path}: the key {kid} is for AES-512, which this version does not know. "
    "Start the version that added it, or a newer one."
)
WOULD_DROP = (
    "The file has keys that this change would drop ({kids}). Load it again and repeat the change. "
    "If nothing that they sealed is needed, move the file away."
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


def test_a_value_that_does_not_open_and_a_key_that_is_gone_say_what_to_restore() -> None:
    assert str(CannotOpen()) == (
        "This sealed value cannot be opened. It was changed, or it was sealed for another row or column. "
        "Restore it from a backup."
    )
    assert str(KeyMissing("0" * 16)) == (
        "The key 0000000000000000 is not in the keyring, so what it sealed cannot be opened. Restore a copy of the "
        "keyring that contains it. `cobalt keys list` shows the keys of this one."
    )


def test_a_lost_file_and_one_of_a_later_version_say_how_to_start_again(path: Path) -> None:  # S-052
    with pytest.raises(KeyringError) as lost:
        Keyring.load(path)
    assert str(lost.value) == LOST_FILE.format(path=path)
    file = json.loads(Keyring.generate().dump())
    file["sealing"][0]["algorithm"] = "AES-512"
    path.write_text(json.dumps(file))
    path.chmod(0o600)
    with pytest.raises(KeyringError) as unknown:
        Keyring.load(path)
    assert str(unknown.value) == UNKNOWN_ALGORITHM.format(path=path, kid=file["primary"])


def test_a_save_that_would_drop_keys_names_each_of_them(path: Path) -> None:
    kept = Keyring.generate()
    kept.save(path)
    with pytest.raises(KeyringError) as refused:
        Keyring.generate().save(path)
    kids = ", ".join(sorted([kept.primary, kept.hashing[0].id]))
    assert str(refused.value) == WOULD_DROP.format(kids=kids)


def test_a_save_over_a_damaged_file_says_that_the_keyring_is_damaged(path: Path) -> None:
    path.write_bytes(b"{")
    with pytest.raises(KeyringError) as refused:
        Keyring.generate().save(path)
    assert str(refused.value) == "The keyring is damaged or is not a keyring. Restore a copy of it."
    assert path.read_bytes() == b"{"
