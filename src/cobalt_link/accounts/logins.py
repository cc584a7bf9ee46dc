"""The login of a user at an EHR, as a keyed hash: the same one whatever session, client, or process it is typed in."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

import msgspec

from cobalt_link.vault import Vault

LOGIN, PASSWORD = "login", "login password"  # purposes of fingerprints


def login_of(connector: str, address: str, username: str) -> str:
    """What is counted as one login. The path is left out: one server may answer at many, with the same users."""
    return msgspec.json.encode([connector, urlsplit(address).netloc.lower().rstrip("."), normalized(username)]).decode()


def normalized(username: str) -> str:
    """A username as the brake compares it. An EHR that tells two such spellings apart is none to guess at faster."""
    text = unicodedata.normalize("NFKC", username).casefold()
    return "".join(each for each in text if not each.isspace() and unicodedata.category(each) not in ("Cf", "Cc"))


def login_hashes(vault: Vault, login: str) -> list[bytes]:
    """By every hash key, the current one first."""
    return vault.fingerprints(LOGIN, login)


def password_hashes(vault: Vault, login: str, password: str) -> list[bytes]:
    """Two logins with one password have different hashes."""
    return vault.fingerprints(PASSWORD, msgspec.json.encode([login, password]))
