"""An OAuth error, as its endpoint answers it (RFC 6749, section 5.2)."""


class OAuthRefused(Exception):
    """`status` is 401 only for a client that did not prove itself."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
