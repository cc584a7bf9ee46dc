"""The errors of an outbound request, with messages that a person can act on.

A message names an address by scheme, host and port only. It contains no path, query, header or body.
"""


class HttpError(Exception):
    """An outbound request got no usable response. `str()` is safe to log and says what to do next."""


class AddressRefused(HttpError):
    """The guard does not allow this address. No packet was sent to it."""


class NoAnswer(HttpError):
    """The name did not resolve, or nothing accepted the connection. The request was not sent."""


class NoSuchName(NoAnswer):
    """The name did not resolve."""


class TooSlow(HttpError):
    """Request and response took longer than `seconds`. The request may have arrived."""

    def __init__(self, where: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"{where} did not answer within {seconds:g} seconds. Try again in a moment.")


class BrokenAnswer(HttpError):
    """The response was cut off, too large, or not HTTP. The request may have arrived."""


class TooMuch(BrokenAnswer):
    """The body of the response is longer than the request allowed."""


class NotJson(BrokenAnswer):
    """The body of the response is not JSON."""


class TlsError(HttpError):
    """TLS failed, for example because of the certificate. No byte of the request was sent."""
