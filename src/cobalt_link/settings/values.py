"""From what an operator wrote to the value of a setting, and back to a line that may be shown.

Text is read leniently (`on`, `yes`, `1`; lists with commas; `name=value` pairs); what it means is checked strictly.
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
    """The value as `kind`, an `Annotated` type; raises ValueError with what was expected."""
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
            raise ValueError("Expected pairs like `sandbox=http://127.0.0.1:9100`, with commas between them")
        pairs[name.strip().lower()] = value.strip()
    return pairs


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address stays on this machine (RFC 6761 §6.3: every `localhost` name does)."""
    name = (host or "").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def public_address(text: str) -> str:
    """An origin (`https://link.example.com`) without the slash at its end; http only on this machine."""
    parts = urlsplit(web_address(text))
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("Expected a bare address such as `https://link.example.com`, without path or user name")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "An http:// public address is only allowed on this machine (127.0.0.1, localhost), since passwords"
            " travel over it; put a proxy with a certificate in front and give its https:// address"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def web_address(text: str) -> str:
    """An http(s) address with a host."""
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
    """A secret as it may be shown: a database address keeps all but its password, anything else is hidden."""
    if not value:
        return ""
    parts = urlsplit(str(value))
    if not parts.scheme or not parts.netloc:
        return "********"
    user, at, place = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit((parts.scheme, f"{name}:********@{place}" if at else place, parts.path, "", ""))
