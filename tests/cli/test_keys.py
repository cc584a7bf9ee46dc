import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cobalt_link.cli.main import main
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault
from tests.cli.conftest import Run


def broken(ring: bytes) -> bytes:
    file = json.loads(ring)
    file["sealing"][0]["key"] = file["sealing"][0]["key"][:-8]
    return json.dumps(file).encode()


def test_generate_writes_a_key_that_only_its_owner_can_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    assert main(["keys", "generate", "--data", str(folder)]) == 0
    assert (folder / "master.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Keyring.load(folder / "master.key").primary
    assert "Copy it to a safe place" in capsys.readouterr().out


def test_generate_never_writes_over_a_key(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    before = (data / "master.key").read_bytes()
    assert main(["keys", "generate", "--data", str(data)]) == 1
    assert (data / "master.key").read_bytes() == before
    assert "cobalt keys rotate" in capsys.readouterr().err


def test_list_shows_no_key(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    ring = json.loads((data / "master.key").read_text())
    assert main(["keys", "list", "--data", str(data)]) == 0
    shown = capsys.readouterr().out
    assert ring["primary"] in shown
    assert not any(key["key"] in shown for key in ring["sealing"] + ring["hashing"])


# S-052 S-093
@pytest.mark.parametrize("command", [["serve"], ["worker"], ["clients", "list"]])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "cobalt keys generate"),
        (lambda path: path.write_bytes(b""), "not a keyring"),
        (lambda path: path.write_bytes(b"short"), "not a keyring"),
        (lambda path: path.write_bytes(broken(path.read_bytes())), "bytes"),
        (lambda path: path.write_bytes(path.read_bytes()[:-60]), "not a keyring"),
        (lambda path: path.chmod(0o644), "chmod 600"),
        (lambda path: path.chmod(0o640), "chmod 600"),
        (lambda path: path.chmod(0o606), "chmod 600"),
    ],
)
def test_without_a_whole_and_private_key_nothing_starts(
    capsys: pytest.CaptureFixture[str], data: Path, command: list[str], spoil: Callable[[Path], object], words: str
) -> None:
    spoil(data / "master.key")
    assert main([*command, "--data", str(data)]) != 0
    assert words in capsys.readouterr().err
    assert not (data / "postgres").exists()


# S-052
@pytest.mark.parametrize("text", ["", " ", "short", '{"primary": "x"}'])
def test_a_master_key_in_the_environment_is_judged_like_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("COBALT_MASTER_KEY", text)
    assert main(["serve", "--data", str(tmp_path)]) != 0
    assert capsys.readouterr().err


# S-053
async def test_rotate_makes_a_new_key_and_seals_every_account_key_again(run: Run, data: Path, db: Database) -> None:
    path = data / "master.key"
    old = Keyring.load(path)
    keys = DataKeys(db, Vault(old))
    async with db.transaction() as tx:
        for number in range(25):
            await keys.create(tx, f"account:{number}")
    said = await run("keys", "rotate", "--json")
    assert (said.code, said.json["rewrapped"]) == (0, 25), said
    ring = Keyring.load(path)
    assert ring.primary == said.json["primary"] != old.primary
    assert old.primary in ring.sealing
    assert path.stat().st_mode & 0o777 == 0o600
    assert await DataKeys(db, Vault(ring)).by_master_key() == {ring.primary: 25}
    assert (await run("keys", "rewrap", "--json")).json["rewrapped"] == 0


def test_rotate_does_not_pretend_to_change_a_key_from_the_environment(
    capsys: pytest.CaptureFixture[str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COBALT_MASTER_KEY", (data / "master.key").read_text())
    assert main(["keys", "rotate", "--data", str(data)]) == 1
    assert "COBALT_MASTER_KEY" in capsys.readouterr().err


async def test_a_key_is_spread_promoted_and_retired_by_commands_alone(run: Run, data: Path, db: Database) -> None:
    first = Keyring.load(data / "master.key")
    keys = DataKeys(db, Vault(first))
    async with db.transaction() as tx:
        await keys.create(tx, "account:1")
    added = (await run("keys", "add", "--json")).json["added"]
    assert Keyring.load(data / "master.key").primary == first.primary
    assert (await run("keys", "promote", added, "--json")).json == {"primary": added}
    assert Keyring.load(data / "master.key").primary == added
    in_use = await run("keys", "retire", first.primary)
    assert in_use.code == 1 and "1 account keys are still sealed" in in_use.err and "cobalt keys rewrap" in in_use.err
    assert (await run("keys", "rewrap", "--json")).json["rewrapped"] == 1
    too_early = await run("keys", "retire", first.primary)
    assert too_early.code == 1 and "--now" in too_early.err
    assert (await run("keys", "retire", first.primary, "--now", "--json")).json == {"retired": first.primary}
    assert list(Keyring.load(data / "master.key").sealing) == [added]
    assert await DataKeys(db, Vault(Keyring.load(data / "master.key"))).get("account:1")


async def test_a_hash_key_is_added_and_promoted_and_cannot_be_retired(run: Run, data: Path) -> None:
    first = Keyring.load(data / "master.key")
    added = (await run("keys", "add", "--hashing", "--json")).json["added"]
    assert [key.id for key in Keyring.load(data / "master.key").hashing] == [first.hashing[0].id, added]
    said = await run("keys", "promote", added)
    assert said.code == 0 and "hashes new tokens from now on" in said.out
    after = Keyring.load(data / "master.key")
    assert [key.id for key in after.hashing] == [added, first.hashing[0].id]
    assert after.primary == first.primary
    assert (await run("keys", "retire", first.hashing[0].id, "--now")).code == 1


@pytest.mark.parametrize("command", ["promote", "retire"])
async def test_an_unknown_key_changes_nothing(run: Run, data: Path, command: str) -> None:
    before = (data / "master.key").read_bytes()
    said = await run("keys", command, "0" * 16, *(["--now"] if command == "retire" else []))
    assert said.code == 1 and "cobalt keys list" in said.err
    assert (data / "master.key").read_bytes() == before


async def test_the_key_that_seals_is_never_retired(run: Run, data: Path) -> None:
    said = await run("keys", "retire", Keyring.load(data / "master.key").primary, "--now")
    assert said.code == 1 and "Rotate first" in said.err
