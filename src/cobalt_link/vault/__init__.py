"""Sealing: the only place that knows ciphers and master keys."""

from cobalt_link.vault.ciphers import GCM_SIV, XAES
from cobalt_link.vault.datakey import DataKey
from cobalt_link.vault.envelope import Context, key_id
from cobalt_link.vault.errors import CannotOpen, KeyMissing, KeyringProblem, KeyWornOut, VaultProblem
from cobalt_link.vault.hpke import new_pair, open_with, seal_to
from cobalt_link.vault.keyring import Keyring
from cobalt_link.vault.vault import Vault

__all__ = [
    "GCM_SIV",
    "XAES",
    "CannotOpen",
    "Context",
    "DataKey",
    "KeyMissing",
    "KeyWornOut",
    "Keyring",
    "KeyringProblem",
    "Vault",
    "VaultProblem",
    "key_id",
    "new_pair",
    "open_with",
    "seal_to",
]
