"""What can go wrong with sealing, in words that tell nothing about the secret and all about the way out."""


class VaultProblem(Exception):
    """Any failure of the vault."""


class KeyringProblem(VaultProblem):
    """The keyring cannot be used. The message names the fix; the program must not start (S-052)."""


class CannotOpen(VaultProblem):
    """Changed, cut, or sealed for another place. One text for all of these, so that it is no oracle (S-051)."""

    def __init__(self) -> None:
        super().__init__("This sealed value does not open here: it was changed, or it was sealed for another place.")


class KeyMissing(VaultProblem):
    """The key that sealed this value is not in the keyring: it was retired, or the keyring is not the right one."""

    def __init__(self, kid: str) -> None:
        super().__init__(
            f"The key {kid} is not in the keyring. Bring back a copy of the keyring that still holds it "
            f"(`cobalt keys list` shows what this one holds); without it what it sealed stays shut."
        )
        self.kid = kid


class KeyWornOut(VaultProblem):
    """The key has sealed as often as its nonces allow in one process (S-055)."""

    def __init__(self, kid: str) -> None:
        super().__init__(f"The key {kid} has sealed as much as it may. Make a new one: `cobalt keys rotate`.")
        self.kid = kid
