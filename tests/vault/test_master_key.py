"""Where the master keys come from: COBALT_MASTER_KEY, or else the file in the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from cobalt_link.kit.private_files import NotPrivate
from cobalt_link.settings import Settings, load
from cobalt_link.vault import Keyring, KeyringError
from cobalt_link.vault.master_key import open_keyring, open_vault


def settings_of(data: Path, master_key: str = "") -> Settings:
    data.chmod(0o700)
    return load({"data": str(data)}, {"COBALT_MASTER_KEY": master_key})


def rotated(path: Path) -> str:
    ring = Keyring.load(path)
    kid = ring.rotate()
    ring.save(path)
    return kid


def test_without_a_setting_the_file_is_used_and_followed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(KeyringError, match=f"There is no keyring at {tmp_path}/master.key"):
        open_vault(settings)
    ring = Keyring.generate()
    ring.save(tmp_path / "master.key")
    vault = open_vault(settings)
    assert vault.primary == ring.primary == open_keyring(settings).primary
    new = rotated(tmp_path / "master.key")
    assert vault.primary == new != ring.primary


def test_the_setting_is_used_instead_of_a_file_which_is_not_followed_either(tmp_path: Path) -> None:
    Keyring.generate().save(tmp_path / "master.key")
    given = Keyring.generate()
    settings = settings_of(tmp_path, given.dump().decode())
    vault = open_vault(settings)
    rotated(tmp_path / "master.key")
    vault.refresh()
    assert vault.primary == given.primary == open_keyring(settings).primary


def test_a_damaged_setting_is_named_by_its_variable(tmp_path: Path) -> None:  # S-052
    with pytest.raises(KeyringError) as refused:
        open_vault(settings_of(tmp_path, "{"))
    assert str(refused.value) == "COBALT_MASTER_KEY is damaged or is not a keyring. Restore a copy of it."


@pytest.mark.parametrize("by_setting", [False, True])
def test_a_data_folder_that_others_can_use_stops_the_start(tmp_path: Path, by_setting: bool) -> None:  # S-052
    ring = Keyring.generate()
    ring.save(tmp_path / "master.key")
    settings = settings_of(tmp_path, ring.dump().decode() if by_setting else "")
    assert open_vault(settings).primary == ring.primary
    tmp_path.chmod(0o750)
    with pytest.raises(NotPrivate, match=f"Other users can use {tmp_path} "):
        open_vault(settings)
