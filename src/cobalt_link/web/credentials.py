"""The credentials of a caller, in each form that clients send them.

The contract (§2, §9) allows headers with underscores or hyphens, `Authorization`, and fields of the request.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from starlette.datastructures import Headers

CREDENTIALS = ("client_id", "client_secret", "access_token")
_SPELLINGS = [(name, name.encode(), name.replace("_", "-").encode()) for name in CREDENTIALS]


class QuotedText(str):
    """A text of a query or a form with double quotes around it. A shell often leaves them there."""


class CallerCredentials(msgspec.Struct, frozen=True):
    """The credentials as the caller sent them. Each is None if absent."""

    client_id: str | None = None
    client_secret: str | None = None
    access_token: str | None = None

    def __repr__(self) -> str:
        return f"CallerCredentials({', '.join(name for name in CREDENTIALS if getattr(self, name))})"


def read_credentials(headers: Headers, fields: Mapping[str, Any] | None = None) -> CallerCredentials:
    """The three credentials: from their own headers, else from `Authorization`, else from the fields of the request."""
    # Reversed, because a dict keeps the last value: if a header is sent twice, the first one counts.
    sent = dict(reversed(headers.raw))
    found = _in_fields(fields) if fields else {}
    if b"authorization" in sent:
        found.update(_authorization(headers.getlist("authorization")))
    for name, underscored, hyphened in _SPELLINGS:
        raw = sent.get(underscored) or sent.get(hyphened)
        if raw and (value := unquoted(raw.decode("latin-1"))):
            found[name] = value
    return CallerCredentials(*[found.get(name) or None for name in CREDENTIALS])


def _in_fields(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: unquoted(value) for name in CREDENTIALS if isinstance(value := fields.get(name), str)}


def unquoted(value: str) -> str:
    """A value without spaces around it and without one pair of double quotes (contract §2)."""
    value = value.strip()
    return value[1:-1] if is_quoted(value) else value


def is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] == '"'


def _authorization(values: Iterable[str]) -> dict[str, str]:
    """`Basic client_id:client_secret` (RFC 7617) and `Bearer access_token` (RFC 6750). Other schemes are ignored."""
    found: dict[str, str] = {}
    for value in values:
        scheme, _, rest = unquoted(value).partition(" ")
        if scheme.lower() == "bearer" and rest.strip():
            found["access_token"] = unquoted(rest)
        elif scheme.lower() == "basic":
            found.update(_basic(rest.strip()))
    return found


def _basic(encoded: str) -> dict[str, str]:
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return {}
    return {"client_id": name, "client_secret": secret} if colon and name and secret else {}
