"""The master keys that the settings name; without them nothing starts (S-052)."""

from cobalt_link.settings import Settings
from cobalt_link.vault import Keyring, Vault


def open_keyring(settings: Settings) -> Keyring:
    """From COBALT_MASTER_KEY or the file in the data folder; raises KeyringProblem with the fix."""
    if settings.master_key:
        return Keyring.parse(settings.master_key, source=settings.origins["master_key"])
    return Keyring.load(settings.master_key_path)


def open_vault(settings: Settings) -> Vault:
    """The vault over the master keys; it follows the key file where there is one. Raises KeyringProblem."""
    return Vault(open_keyring(settings), None if settings.master_key else settings.master_key_path)
