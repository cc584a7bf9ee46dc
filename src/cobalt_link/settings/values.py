"""The value of a setting from the text that an operator wrote, and the text to show for a value.

Several spellings are accepted (`on`, `yes`, `1`; lists with commas; `name=value` pairs), but values are checked
strictly.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

import msgspec

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


def parse(value: object, kind: Any) -> Any:
    """The value as `kind`, an `Annotated` type. Raises ValueError with what was expected."""
    plain = get_args(kind)[0]
    if isinstance(value, str):
        value = _from_text(value.strip(), plain)
    if plain in {Path, Path | None}:
        return _path(value)
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("Expected the path of a folder")
    return Path(value).expanduser().absolute()


def _from_text(text: str, plain: Any) -> object:
    if plain is bool:
        return _switch(text)
    if get_origin(plain) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if get_origin(plain) is dict:
        return _pairs(text)
    return text


def _switch(text: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise ValueError("Expected `on` or `off`")


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise ValueError("Expected pairs such as `sandbox=http://127.0.0.1:9100`, separated by commas")
        pairs[name.strip().lower()] = value.strip()
    return pairs


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine. Every name that ends in `localhost` is (RFC 6761 §6.3)."""
    name = (host or "").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def public_address(text: str) -> str:
    """An origin such as `https://link.example.com`, without a slash at the end. http only for this machine."""
    parts = urlsplit(web_address(text))
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("Expected an address such as `https://link.example.com`, without a path or user name")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "An http:// public address is allowed only for this machine (127.0.0.1, localhost), because passwords are"
            " sent to it. Put a proxy with a certificate in front and set its https:// address"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def web_address(text: str) -> str:
    """An http:// or https:// address with a host."""
    parts = urlsplit(text.strip())
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or not port_is_fine
        or re.search(r"\s", text.strip())
    ):
        raise ValueError("Expected an address that starts with https:// (or http://)")
    return text.strip()


def networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses or CIDR ranges."""
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ValueError(f"Expected addresses or ranges such as `10.0.0.0/8`, got `{value}`") from None
    return values


def masked(value: object) -> str:
    """The text to show for a secret: a database address without its password, or only asterisks."""
    if not value:
        return ""
    parts = urlsplit(str(value))
    if not parts.scheme or not parts.netloc:
        return "********"
    user, at, place = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit((parts.scheme, f"{name}:********@{place}" if at else place, parts.path, "", ""))
