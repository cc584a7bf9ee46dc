"""What goes wrong between an OAuth client and an authorization server. No message quotes a token or a code."""

from __future__ import annotations


class OAuthError(Exception):
    """`code` is the server's own (RFC 6749 §5.2), or one of ours that says what it did wrong. `status` is that of the
    HTTP response, 0 if none of them is to blame."""

    def __init__(self, code: str, description: str | None = None, *, status: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status

    @property
    def is_over(self) -> bool:
        """Whether a grant is gone for good: the user has to sign in again (RFC 6749 §5.2)."""
        return self.code == "invalid_grant"


class NotSmart(Exception):
    """No authorization server can be found for this FHIR server. `reason` says what is wrong with what it publishes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
