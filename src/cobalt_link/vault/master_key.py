"""Opens the master keys that the settings name. Without them, nothing starts (S-052)."""

from cobalt_link.kit.private_files import check_private
from cobalt_link.settings import Settings
from cobalt_link.vault import Keyring, Vault


def open_keyring(settings: Settings) -> Keyring:
    """The keyring of COBALT_MASTER_KEY, or of the file in the data folder.

    Raises `KeyringError` with the fix, or `NotPrivate` if others can use the data folder.
    """
    check_data_folder(settings)
    if settings.master_key:
        return Keyring.parse(settings.master_key, source=settings.origins["master_key"])
    return Keyring.load(settings.master_key_path)


def check_data_folder(settings: Settings) -> None:
    """Raises `NotPrivate`. Whoever can write into the folder can exchange the key and the settings."""
    if settings.data.is_dir():
        check_private(settings.data)


def open_vault(settings: Settings) -> Vault:
    """The vault of this installation. It reloads the key file when that changes. Raises `KeyringError`."""
    return Vault(open_keyring(settings), None if settings.master_key else settings.master_key_path)
