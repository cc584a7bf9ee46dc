"""What can go wrong between us and an EHR's server, in words that a person can act on.

No message holds a path, a query, a header or a body: addresses are told as scheme, host and port only.
"""


class HttpError(Exception):
    """An outbound call came to nothing. `str()` is safe to log and says what to do next."""


class AddressRefused(HttpError):
    """The guard does not let us talk to this address; no packet was sent to it."""


class NoAnswer(HttpError):
    """The name did not resolve or nothing accepted the connection; the request was not sent."""


class NoSuchName(NoAnswer):
    """The name did not resolve."""


class TooSlow(HttpError):
    """The whole exchange took longer than `seconds`; the request may have arrived."""

    def __init__(self, where: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"{where} did not answer within {seconds:g} seconds. Try again in a moment.")


class BrokenAnswer(HttpError):
    """The answer was cut off, too large or not HTTP; the request may have arrived."""


class NotJson(BrokenAnswer):
    """An answer came, but its body is not the JSON that was expected."""


class TlsError(HttpError):
    """No trustworthy TLS connection could be made; not one byte of the request was sent."""
