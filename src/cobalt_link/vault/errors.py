"""The errors of the vault. A message says how to fix the problem and contains nothing of a secret."""


class VaultError(Exception):
    """Any failure of the vault."""


class KeyringError(VaultError):
    """The keyring cannot be used. The message names the fix. The program must not start (S-052)."""


class CannotOpen(VaultError):
    """The value was changed or cut, or sealed for another context. All cases have one text: it is no oracle (S-051)."""

    def __init__(self) -> None:
        super().__init__(
            "This sealed value cannot be opened. It was changed, or it was sealed for another row or column. "
            "Restore it from a backup."
        )


class KeyMissing(VaultError):
    """The key that sealed this value is not in the keyring. It was retired, or this is another keyring."""

    def __init__(self, kid: str) -> None:
        super().__init__(
            f"The key {kid} is not in the keyring, so what it sealed cannot be opened. Restore a copy of the keyring "
            "that contains it. `cobalt keys list` shows the keys of this one."
        )
        self.kid = kid


class KeyExhausted(VaultError):
    """The key has sealed as many values as its random nonces allow in one process (S-055)."""

    def __init__(self, kid: str) -> None:
        super().__init__(f"The key {kid} has sealed as many values as is safe. Create a new one: `cobalt keys rotate`.")
        self.kid = kid
