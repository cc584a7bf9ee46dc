"""What an installation has stored stays good: these values were made once, and every later version must know them.

A test that seals and opens with the same code would not notice that both have changed. Should one of these fail, the
answer is never another constant here: installations hold values of the old form.
"""

from __future__ import annotations

from cobalt_link.vault import Context, DataKey, Keyring, Vault

PLACE = Context(table="accounts", tenant="client-1", row="42", field="grant")
SECRET = bytes(range(32))
FILE = """{
  "primary": "ba474d0033d59716",
  "sealing": [
    {
      "id": "ba474d0033d59716",
      "created": "2026-01-01",
      "algorithm": "AES-256-GCM-SIV",
      "key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    }
  ],
  "hashing": [
    {
      "id": "63f607fb5b359516",
      "created": "2026-01-01",
      "algorithm": "HMAC-SHA-256",
      "key": "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
    }
  ],
  "note": "Without this file, sealed data is lost. Keep copies of it apart from the database's backups."
}
"""


def test_a_keyring_of_an_earlier_version_loads_and_is_written_as_it_was() -> None:
    assert Keyring.parse(FILE).dump().decode() == FILE


def test_what_an_earlier_version_sealed_opens() -> None:  # S-063
    by_master = "01ba474d0033d5971642a34edd6642c4068bfa080c2feff3ab07684c46ce29c4f9826f8e9974bd834ede4e"
    by_data_key = (
        "02ba474d0033d597167a853e46089a88784a21c2f4bfeec38dff21626891fb829073f8c5e14be43c1ea78e4aea3d104867f836d7457f7e"
    )
    assert Vault(Keyring.parse(FILE)).open(bytes.fromhex(by_master), PLACE) == b"secret"
    assert DataKey(SECRET).open(bytes.fromhex(by_data_key), PLACE) == b"secret"


def test_what_an_earlier_version_hashed_is_found() -> None:  # S-046
    stored = "8bd9570831f11f787812a530f8432d6e6d56bd0315a5dd54d9958306213fb83f"
    vault = Vault(Keyring.parse(FILE))
    assert vault.fingerprint("access token", "at_live_1", "client-1").hex() == stored
    assert [each.hex() for each in vault.fingerprints("access token", "at_live_1", "client-1")] == [stored]


def test_the_ids_that_a_data_key_made_in_an_earlier_version_are_made_again() -> None:
    derived = "ed2617a404e892230e974fe886bf20adda1b2113f7a656cbdedfd16355fdb7c5"
    assert DataKey(SECRET).derive("ids").hex() == derived
