"""The errors that the API answers, each with a stable code, a status, and a message that says what to do next.

A room adds its own by subclassing `Problem`. OpenAPI and the reference pages are made from the catalogue.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any, ClassVar

_catalogue: dict[str, type["Problem"]] = {}


class Problem(Exception):
    """An error that the API answers. The docstring of a subclass is its default message.

    `headers` are added to `default_headers`, `extra` to the fields of the JSON body.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    default_headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        self.message = message or default_message(type(self))
        self.headers = {**self.default_headers, **(headers or {})}
        self.extra = extra
        super().__init__(self.message)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in vars(cls):
            return
        if not re.fullmatch(r"[a-z][a-z0-9_]*", cls.code) or not 400 <= cls.status <= 599 or not cls.__doc__:
            raise TypeError(f"{cls.__qualname__} needs a snake_case code, a 4xx or 5xx status and a docstring")
        known = _catalogue.setdefault(cls.code, cls)
        if known is not cls:
            raise TypeError(f"{cls.__qualname__} and {known.__qualname__} share the code {cls.code!r}; choose another")

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON body: `success`, `error`, `message`, `request_id` and the extra fields."""
        return {
            "success": False,
            "error": self.code,
            "message": self.message,
            "request_id": request_id,
            **self.extra,
        }


def default_message(kind: type[Exception]) -> str:
    """The docstring of a problem class as one line."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


def catalogue() -> dict[str, type[Problem]]:
    """Every problem class that is imported, by code, in alphabetical order."""
    return dict(sorted(_catalogue.items()))


class InvalidRequest(Problem):
    """The request cannot be read. Send JSON, a form, or query parameters as the reference shows them."""

    code = "invalid_request"
    status = 400


class MissingField(Problem):
    """A required field is missing. Send every field that the reference marks as required."""

    code = "missing_field"
    status = 400

    def __init__(self, *fields: str, message: str | None = None) -> None:
        """Names all missing fields at once, in the contract's words (§9). `message` replaces those words."""
        text = f"Missing required field{'s'[: len(fields) > 1]}: {', '.join(fields)}"
        super().__init__(message or (text if fields else None))


class UnknownField(Problem):
    """The request has a field that this endpoint does not accept. Leave it out."""

    code = "unknown_field"
    status = 400

    def __init__(self, *fields: str, message: str | None = None) -> None:
        """Names all unexpected fields at once, in the contract's words (§9). `message` replaces those words."""
        super().__init__(message or (f"Unexpected fields in request body: {', '.join(fields)}" if fields else None))


class Unauthorized(Problem):
    """The credentials are missing or wrong. Send your app's client_id and client_secret as headers."""

    code = "unauthorized"
    status = 401
    default_headers: ClassVar = {"WWW-Authenticate": 'Basic realm="Cobalt Link", charset="UTF-8"'}  # RFC 9110 §11.6.1


class Forbidden(Problem):
    """These credentials do not allow this request. Use a client that may do it."""

    code = "forbidden"
    status = 403


class NotFound(Problem):
    """There is nothing at this address. Check the path and the id."""

    code = "not_found"
    status = 404


class MethodNotAllowed(Problem):
    """This address does not accept this method. Use one that the Allow header lists."""

    code = "method_not_allowed"
    status = 405


class Conflict(Problem):
    """This request conflicts with the current state. Read the current state, then send the request again."""

    code = "conflict"
    status = 409


class TooLarge(Problem):
    """The request body is too large. Send less in one request."""

    code = "too_large"
    status = 413


class PackedBody(Problem):
    """This server does not unpack request bodies. Send the body as it is, without Content-Encoding."""

    code = "packed_body"
    status = 415
    default_headers: ClassVar = {"Accept-Encoding": "identity"}  # what is taken instead (RFC 9110 §15.5.16)


class RequestTimeout(Problem):
    """The request did not arrive in time. Send it again, and all of it at once."""

    code = "request_timeout"
    status = 408


class HeadersTooLarge(Problem):
    """The headers of the request are too large. Send at most 100 headers and 32 KB, cookies and address included."""

    code = "headers_too_large"
    status = 431


class RateLimited(Problem):
    """Too many requests. Wait for the seconds in the Retry-After header, then send requests more slowly."""

    code = "rate_limited"
    status = 429

    @classmethod
    def after(cls, seconds: int) -> "RateLimited":
        return cls(
            f"Too many requests. Wait {seconds} s (the Retry-After header), then send requests more slowly.",
            headers={"Retry-After": str(seconds)},
        )


class InternalError(Problem):
    """Something went wrong on our side. Try again. If it happens again, give the operator the request_id."""

    code = "internal_error"
    status = 500


class Unavailable(Problem):
    """The service cannot answer right now. Try again in a few seconds."""

    code = "unavailable"
    status = 503
    default_headers: ClassVar = {"Retry-After": "2"}
