"""The value of a setting from the text that an operator wrote, and the text to show for a value.

Several spellings are accepted (`on`, `yes`, `1`; lists with commas; `name=value` pairs), but values are checked
strictly.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, get_args, get_origin
from urllib.parse import unquote, urlsplit

import msgspec

HOST_RULE = re.compile(r"((\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[(?P<ip>[0-9a-f:.]+)\])(?P<port>:[1-9][0-9]{0,4})?")
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
_PAIRS = re.compile(r"\s*(?:[a-z_]+=(?:'(?:[^'\\]|\\.)*'|[^\s'\\]+)(?:\s+|$))+")
_HOST_AND_PORT = re.compile(
    r"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(?:%25[\w.]+)?\]|(?:%2F[\w.%-]*))(?::[0-9]{0,5})?", re.ASCII
)

_MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def parse(value: object, kind: Any) -> Any:
    """The value as `kind`, an `Annotated` type. Raises ValueError with what was expected."""
    plain = get_args(kind)[0]
    if isinstance(value, str):
        value = _from_text(value.strip(), plain)
    value = _lists(value, plain)
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


def _lists(value: object, plain: Any) -> object:
    """Pairs whose values are lists: each list may be one text with blanks between its parts."""
    if get_origin(plain) is dict and get_origin(get_args(plain)[1]) is tuple and isinstance(value, dict):
        return {name: each.split() if isinstance(each, str) else each for name, each in value.items()}
    return value


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


def database_address(text: str) -> str:
    """A postgresql:// URL, or `name=value` pairs, that libpq reads as meant. No error quotes it: it holds a password.

    PostgreSQL documentation, 34.1.1.2 "Connection URIs": special characters are percent-encoded, and several hosts
    are separated by commas.
    """
    if _PAIRS.fullmatch(text):
        return text
    scheme, authority, rest = _split(text)
    if scheme not in {"postgresql", "postgres"}:
        raise ValueError("Expected an address that starts with postgresql://, the only database that is supported")
    user, _, hosts = authority.rpartition("@")
    # libpq takes the host from behind the first @, so it would look up a part of the password in DNS.
    if "@" in user + rest or "#" in rest or re.search(r"\s|%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(
            "Expected special characters of the user and password in percent encoding: %40 for @, %3A for :, %2F for"
            " /, %23 for #, %3F for ?, %25 for %"
        )
    if not all(_HOST_AND_PORT.fullmatch(each) for each in hosts.split(",")):
        raise ValueError(
            "Expected a host and a port such as `db.example.com:5432` before the first /. If the password has a /, ?"
            " or #, write %2F, %3F or %23"
        )
    options = rest.partition("?")[2]
    if options and not all(re.fullmatch(r"[a-z_]+=.*", each) for each in options.split("&")):
        raise ValueError("Expected options after the ? as `name=value`, such as `sslmode=verify-full`")
    return text


def proxy_address(text: str) -> str:
    """`http://host:port`, with a user and password if the proxy wants them. No error quotes it."""
    scheme, authority, rest = _split(text)
    user, _, host = authority.rpartition("@")
    if (
        scheme != "http"
        or rest.strip("/")
        or "@" in user
        or not _HOST_AND_PORT.fullmatch(host)
        or host.strip(":") == ""
    ):
        raise ValueError(
            "Expected the address of an HTTP proxy such as `http://proxy.example.com:3128`, with special characters of"
            " a password in percent encoding"
        )
    return text


def mail_server(text: str) -> str:
    """`smtp://` or `smtps://`, a host, and a user and password if the server wants them. No error quotes it."""
    scheme, authority, rest = _split(text)
    user, _, host = authority.rpartition("@")
    if (
        scheme not in {"smtp", "smtps"}
        or rest not in {"", "/", "?tls=off", "/?tls=off"}
        or ("tls=off" in rest and scheme == "smtps")
        or re.search(r"[@\s]|%(?![0-9A-Fa-f]{2})", user)
        or not _HOST_AND_PORT.fullmatch(host)
        or host.startswith(("%", ":"))
        or not host
    ):
        raise ValueError(
            "Expected an address such as `smtp://user:password@mail.example.com:587`, with special characters of a"
            " password in percent encoding. smtps:// is for TLS from the start, and ?tls=off for a server without TLS"
        )
    return text


def mail_address(text: str) -> str:
    """One e-mail address in ASCII, without a name (HTML Standard, "valid e-mail address")."""
    if len(text) > 254 or not _MAIL_ADDRESS.fullmatch(text):
        raise ValueError("Expected an e-mail address such as `link@example.com`, without a name")
    return text


def secrets_in(value: object) -> list[str]:
    """What of a secret setting must never be shown: all of it, and the password if it is an address."""
    text = str(value or "")
    password = _split(text)[1].rpartition("@")[0].partition(":")[2]
    pair = re.search(r"\bpassword\s*=\s*'?((?:[^\s'\\]|\\.)+)", text)
    return [each for each in (text, password, unquote(password), pair[1] if pair else "") if each]


def _split(text: str) -> tuple[str, str, str]:
    """Scheme, authority and the rest of an address. `urlsplit` quotes the address in its errors, so not for secrets."""
    found = re.fullmatch(r"(?s)(?:(\w+)://)?([^/?#]*)(.*)", text)
    return (found[1] or "", found[2] if found[1] else "", found[3]) if found else ("", "", "")


def domain_rule(text: str) -> str:
    """One allowed domain: `his.example.org` for that host, `*.example.org` for every name below it."""
    rule = text.strip().lower()
    found = HOST_RULE.fullmatch(rule)
    if not found or ".." in rule:
        raise ValueError(
            f"{text[:200]!r} is not a domain. Write his.example.org, or *.example.org for all names below it."
        )
    if found["ip"] is None:
        return rule
    try:
        return f"[{ipaddress.IPv6Address(found['ip']).compressed}]{found['port'] or ''}"
    except ValueError:
        raise ValueError(f"{text[:200]!r} is not an IPv6 address in brackets, such as [2001:db8::1].") from None


def domains(lists: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The allowed domains of each connector. An empty list is refused: it could mean all or none."""
    if empty := [name for name, rules in lists.items() if not rules]:
        raise ValueError(f"{empty[0]} has no domain. Name one, or leave {empty[0]} out to allow all")
    return {name.lower(): tuple(map(domain_rule, rules)) for name, rules in lists.items()}


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
    scheme, authority, rest = _split(str(value))
    if not authority or "@" in rest:
        return "********"
    user, at, place = authority.rpartition("@")
    path = re.split(r"[?#]", rest)[0]
    return f"{scheme}://{user.partition(':')[0]}:********@{place}{path}" if at else f"{scheme}://{place}{path}"
