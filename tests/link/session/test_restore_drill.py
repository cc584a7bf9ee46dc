"""S-061: a backup with another keyring gives no secret away, and with its own keyring every value is as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cobalt_link import app
from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.settings import Settings
from cobalt_link.store.backup import backup, restore
from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.vault import KeyringError
from tests.link.session.sealed import Cell, Kept, Openers, sealed_cells, use_everything
from tests.support.proof import RESTORED_ORGS
from tests.support.world import Sandbox, Shop, opened, settings_for


async def test_a_backup_is_useless_without_its_keyring_and_whole_with_it(
    house: House, acme: Shop, sandbox: Sandbox, clock: MovedClock, empty_dsn: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kept: Kept = {}
    secrets = {
        each
        for number in range(RESTORED_ORGS.times)
        for each in await use_everything(house, acme, f"org-{number}", kept)
    }
    cells = await sealed_cells(Openers(house, kept), each=1000)
    before = {str(each): await each.plaintext() for each in cells}
    file = tmp_path / "cobalt.backup"
    await backup(house.db.dsn, file)
    text = await as_text(file)
    assert acme.record.client_id in text, "The search would not find what the backup does hold."
    assert [each for each in secrets if each in text or each.encode().hex() in text] == []
    await restore(empty_dsn, file)

    right = settings_for(tmp_path, empty_dsn, sandbox.address)
    async with opened(right, clock) as restored, app.serving(restored):
        now = {str(each): await each.plaintext() for each in moved(cells, restored, kept)}
    assert now == before

    (tmp_path / "wrong").mkdir(mode=0o700)
    wrong = settings_for(tmp_path / "wrong", empty_dsn, sandbox.address)
    with pytest.raises(KeyringError, match="not the one of this database"):
        await start(wrong, clock)
    # Even a server that would start all the same has nothing to open them with.
    monkeypatch.setattr(DataKeys, "check_keyring", nothing)
    async with opened(wrong, clock) as stranger, app.serving(stranger):
        assert [str(each) for each in moved(cells, stranger, kept) if await each.opens()] == []
    print(f"S-061: {len(cells)} sealed values: 0 opened with another keyring, {len(now)} equal with their own")


async def start(settings: Settings, clock: MovedClock) -> None:
    async with opened(settings, clock):
        pass


async def nothing(_keys: DataKeys) -> None:
    """Instead of the check."""


def moved(cells: list[Cell], house: House, kept: Kept) -> list[Cell]:
    """The same values, opened by another house."""
    openers = Openers(house, kept).by_column
    return [each._replace(open=openers[f"{each.table}.{each.column}"]) for each in cells]


async def as_text(file: Path) -> str:
    """The backup as SQL: the file itself is packed."""
    reading = await asyncio.create_subprocess_exec(
        str(find_binaries().path / "pg_restore"), "--file=-", str(file), stdout=asyncio.subprocess.PIPE
    )
    text, _ = await reading.communicate()
    assert reading.returncode == 0
    return text.decode()
