"""A running vault follows its keyring through rotations: what it sealed still opens, what it hashed is still found."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from cobalt_link.vault import GCM_SIV, XAES, Context, KeyMissing, Keyring, KeyringError, Vault, key_id

PLACE = Context(table="accounts", tenant="client-1", row="42", field="grant")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Keyring.generate().save(tmp_path / "master.key")
    return tmp_path / "master.key"


def change(path: Path, *steps: str) -> Keyring:
    ring = Keyring.load(path)
    for step in steps:
        getattr(ring, step)()
    ring.save(path)
    return ring


def test_a_three_phase_rotation_over_mixed_rings_fails_nowhere() -> None:
    """S-053: four machines with their own files take each phase one after the other; all seal and open throughout."""
    master = Keyring.generate()
    old = master.primary
    copies = [Keyring.parse(master.dump()) for _ in range(4)]
    sealed: list[bytes] = []

    def work() -> None:
        vaults = [Vault(ring) for ring in copies]
        sealed.extend(vault.seal(b"secret", PLACE) for vault in vaults)
        assert all(vault.open(value, PLACE) == b"secret" for vault in vaults for value in sealed)

    new = master.add(XAES)
    work()
    for phase in ("spread", "promote", "retire"):
        if phase == "promote":
            master.promote(new)
        if phase == "retire":
            sealed[:] = [Vault(copies[0]).rewrap(value, PLACE) for value in sealed]
            master.retire(old)
        for number in range(4):
            copies[number] = Keyring.parse(master.dump())
            work()
    assert {key_id(value) for value in sealed} == {new}


def test_a_value_whose_key_was_destroyed_says_which_key_and_what_to_do(path: Path) -> None:
    """S-053: still readable while the key only opens, a clear error once it is gone."""
    vault = Vault(Keyring.load(path), path)
    old = vault.primary
    sealed = vault.seal(b"secret", PLACE)
    ring = change(path, "rotate")
    assert vault.open(sealed, PLACE) == b"secret"
    ring.retire(old)
    ring.save(path)
    vault.refresh()
    with pytest.raises(
        KeyMissing, match=f"{old} is not in the keyring, so what it sealed cannot be opened. Restore a copy"
    ) as caught:
        vault.open(sealed, PLACE)
    assert caught.value.kid == old


def test_a_vault_opens_what_another_sealed_with_a_key_made_later(path: Path) -> None:
    early = Vault(Keyring.load(path), path)
    late = Vault(change(path, "rotate"), path)
    assert early.open(late.seal(b"secret", PLACE), PLACE) == b"secret"


def test_a_vault_seals_with_the_new_primary_from_the_next_call_on(path: Path) -> None:
    vault = Vault(Keyring.load(path), path)
    ring = change(path, "rotate")
    assert key_id(vault.seal(b"secret", PLACE)) == ring.primary == vault.primary


def test_a_change_between_reading_the_file_and_making_the_vault_is_not_missed(path: Path) -> None:
    early = Keyring.load(path)
    ring = change(path, "rotate")
    assert Vault(early, path).primary == ring.primary


def test_without_a_path_the_ring_stays_as_given(path: Path) -> None:
    ring = Keyring.load(path)
    vault = Vault(ring)
    first = vault.primary
    late = Vault(change(path, "rotate"))
    with pytest.raises(KeyMissing):
        vault.open(late.seal(b"secret", PLACE), PLACE)
    vault.refresh()
    assert vault.primary == first


def test_a_spoiled_file_stops_no_running_vault_but_refresh_tells(path: Path) -> None:
    vault = Vault(Keyring.load(path), path)
    sealed = vault.seal(b"secret", PLACE)
    whole = path.read_bytes()
    path.write_bytes(b"{")
    assert vault.open(vault.seal(b"more", PLACE), PLACE) == b"more"
    with pytest.raises(KeyringError):
        vault.refresh()
    path.write_bytes(whole)
    vault.refresh()
    ring = change(path, "rotate")
    vault.refresh()
    assert vault.primary == ring.primary
    assert vault.open(sealed, PLACE) == b"secret"


def test_a_file_that_went_away_stops_no_running_vault(path: Path) -> None:
    vault = Vault(Keyring.load(path), path)
    path.unlink()
    assert vault.open(vault.seal(b"secret", PLACE), PLACE) == b"secret"
    with pytest.raises(KeyringError, match="There is no keyring"):
        vault.refresh()


def test_a_file_that_goes_away_after_it_was_followed_is_noticed_too(path: Path) -> None:
    vault = Vault(Keyring.load(path), path)
    vault.refresh()
    path.unlink()
    with capture_logs() as logs:
        vault.seal(b"secret", PLACE)
    assert [each["event"] for each in logs] == ["keyring_not_reloaded"]
    with pytest.raises(KeyringError, match="There is no keyring"):
        vault.refresh()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{")], ids=["gone", "damaged"])
def test_a_file_that_cannot_be_followed_is_logged_once_with_the_reason(
    path: Path, spoil: Callable[[Path], object]
) -> None:
    vault = Vault(Keyring.load(path), path)
    spoil(path)
    with pytest.raises(KeyringError) as refused:
        Keyring.load(path)
    with capture_logs() as logs:
        for _ in range(3):
            vault.seal(b"secret", PLACE)
            vault.fingerprint("access token", "at_live_1")
    assert logs == [{"event": "keyring_not_reloaded", "reason": str(refused.value), "log_level": "error"}]


def test_a_vault_has_the_keys_of_its_file_also_those_made_later(path: Path) -> None:
    vault = Vault(Keyring.load(path), path)
    assert vault.has(Keyring.load(path).primary)
    assert not vault.has("0" * 16)
    assert vault.has(change(path, "rotate").primary)


SEAL_ON_DEMAND = """
import sys
from pathlib import Path
from cobalt_link.vault import Context, Keyring, Vault
path = Path(sys.argv[1])
vault = Vault(Keyring.load(path), path)
place = Context("accounts", "client-1", "42", "grant")
for line in sys.stdin:
    opened = vault.open(bytes.fromhex(line), place)
    print(vault.seal(opened, place).hex(), flush=True)
"""


def test_processes_that_run_through_rotations_read_each_other(path: Path) -> None:
    """S-053 in processes: a value goes round three of them while the keys change under it."""
    command = [sys.executable, "-c", SEAL_ON_DEMAND, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **pipes) for _ in range(3)]
    vault = Vault(Keyring.load(path), path)
    sealed = vault.seal(b"secret", PLACE)
    try:
        for turn in range(30):
            if turn % 5 == 4:
                change(path, "rotate")
            process = running[turn % 3]
            assert process.stdin and process.stdout
            process.stdin.write(sealed.hex() + "\n")
            process.stdin.flush()
            sealed = bytes.fromhex(process.stdout.readline())
            assert key_id(sealed) == vault.primary
    finally:
        for process in running:
            process.communicate(timeout=30)
    assert [process.returncode for process in running] == [0, 0, 0]
    assert vault.open(sealed, PLACE) == b"secret"
    assert len(Keyring.load(path).sealing) == 7


def test_a_database_moves_to_another_algorithm_value_by_value(path: Path) -> None:
    """S-063: rotate to a key of the other algorithm, rewrap; readers never notice."""
    vault = Vault(Keyring.load(path), path)
    rows = [vault.seal(os.urandom(8), PLACE) for _ in range(50)]
    opened = [vault.open(row, PLACE) for row in rows]
    ring = Keyring.load(path)
    ring.rotate(XAES)
    ring.save(path)
    for number, row in enumerate(rows):
        rows[number] = vault.rewrap(row, PLACE)
        assert [vault.open(value, PLACE) for value in rows] == opened
        assert {value[0] for value in rows} <= {GCM_SIV, XAES}
    assert {value[0] for value in rows} == {XAES}
    assert [vault.rewrap(row, PLACE) for row in rows] == rows


def test_a_token_is_found_under_three_generations_of_hash_keys(path: Path) -> None:
    """S-046: what was hashed under any generation is found under all later ones."""
    vault = Vault(Keyring.load(path), path)
    stored = [vault.fingerprint("access token", "at_live_1")]
    for _ in range(2):
        ring = Keyring.load(path)
        ring.promote(ring.add_hash_key())
        ring.save(path)
        stored.append(vault.fingerprint("access token", "at_live_1"))
    assert len(set(stored)) == 3
    assert vault.fingerprints("access token", "at_live_1") == stored[::-1]
    change(path, "rotate")
    assert vault.fingerprints("access token", "at_live_1") == stored[::-1]


@given(st.text(), st.text(), st.text(), st.text(), st.text(), st.text())
def test_fingerprints_are_equal_for_equal_input_only(a: str, b: str, c: str, d: str, e: str, f: str) -> None:
    """S-062: the purpose and the tenant are part of what is hashed."""
    one, other = HASHER.fingerprint(a, b, c), HASHER.fingerprint(d, e, f)
    assert (one == other) == ((a, b, c) == (d, e, f))
    assert len(one) == 32


HASHER = Vault(Keyring.generate())


def test_equal_values_of_two_tenants_purposes_or_installations_differ() -> None:
    """S-062"""
    hashes = {HASHER.fingerprint("ehr user", f"user-{number}", f"client-{number % 2}") for number in range(100)}
    same_value = [
        HASHER.fingerprint("ehr user", "dr.who", "client-1"),
        HASHER.fingerprint("ehr user", "dr.who", "client-2"),
        HASHER.fingerprint("patient", "dr.who", "client-1"),
        Vault(Keyring.generate()).fingerprint("ehr user", "dr.who", "client-1"),
    ]
    assert len(hashes) == 100
    assert len(set(same_value)) == 4
    assert len(HASHER.fingerprint("p", "\ud800", "\udfff")) == 32
    assert HASHER.fingerprint("p", "é") == HASHER.fingerprint("p", "é".encode())
