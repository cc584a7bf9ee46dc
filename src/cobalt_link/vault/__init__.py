"""Sealing. Only this room knows ciphers and master keys."""

from cobalt_link.vault.ciphers import GCM_SIV, XAES
from cobalt_link.vault.datakey import DataKey
from cobalt_link.vault.envelope import Context, key_id
from cobalt_link.vault.errors import CannotOpen, KeyExhausted, KeyMissing, KeyringError, VaultError
from cobalt_link.vault.hpke import new_pair, open_with, seal_to
from cobalt_link.vault.keyring import Keyring
from cobalt_link.vault.vault import Vault

__all__ = [
    "GCM_SIV",
    "XAES",
    "CannotOpen",
    "Context",
    "DataKey",
    "KeyExhausted",
    "KeyMissing",
    "Keyring",
    "KeyringError",
    "Vault",
    "VaultError",
    "key_id",
    "new_pair",
    "open_with",
    "seal_to",
]
