"""What may be registered as callback or origin, and when a given address is the registered one: by exact string.

Also the one spelling of an EHR's address. RFC 9700 §2.1 and §4.1: no patterns, no prefixes; of a loopback callback
the port alone may differ (RFC 8252 §7.3).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cobalt_link.settings.values import is_loopback

# Every character that an address may have as it stands: RFC 3986 §2, without "*", which reads as a pattern.
WRITTEN = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
PLACE = re.compile(r"(?P<host>\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:(?P<port>[1-9][0-9]{0,4}))?")
DOT_SEGMENT = re.compile(r"/(\.|%2e){1,2}(?=[/?]|$)", re.IGNORECASE)
LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[1-9][0-9]{0,4})?(/.*|\?.*|)")
HOST_RULE = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?")
USUAL = {"http": "80", "https": "443"}


class AddressProblem(ValueError):
    """An address that cannot be used; the text says how to write it."""


def callback(text: str) -> str:
    """A callback address as registered, unchanged; raises AddressProblem."""
    _written(text, "callback address", "https://app.example.com/linked")
    if DOT_SEGMENT.search(urlsplit(text).path):
        raise AddressProblem(f"The callback address {text} has dot segments in its path. Write the path out.")
    return text


def origin(text: str) -> str:
    """An origin as registered, exactly as browsers send it (RFC 6454 §6.2); raises AddressProblem."""
    _written(text, "origin", "https://app.example.com")
    bare = f"{urlsplit(text).scheme}://{urlsplit(text).netloc}"
    if text != bare:
        raise AddressProblem(f"The origin {text} has more than scheme, host and port. Register {bare}.")
    return text


def _written(text: str, what: str, example: str) -> None:
    advice = f"Write it like {example}."
    if not WRITTEN.fullmatch(text) or len(text) > 2000:
        raise AddressProblem(
            f"The {what} {text[:200]!r} has signs that cannot be matched exactly (spaces, *, \\, # or letters beyond"
            f" ASCII). {advice}"
        )
    scheme, _, rest = text.partition("://")
    place = PLACE.fullmatch(re.split(r"[/?]", rest, maxsplit=1)[0])
    if scheme not in USUAL or not place:
        raise AddressProblem(f"The {what} {text} needs https://, a host in lower case and no user name. {advice}")
    if place["port"] and (place["port"] == USUAL[scheme] or int(place["port"]) > 65535):
        raise AddressProblem(f"The {what} {text} names a port that no browser sends: leave :{place['port']} out.")
    if scheme == "http" and not is_loopback(place["host"]):
        raise AddressProblem(f"The {what} {text} is unencrypted, which only works on this machine. Use https://.")


def same_callback(registered: str, given: str) -> bool:
    """Exactly the same string, or the same loopback address on another port."""
    if registered == given:
        return True
    ours, theirs = LOOPBACK.fullmatch(registered), LOOPBACK.fullmatch(given)
    return bool(ours and theirs and ours.groups() == theirs.groups() and _is_callback(given))


def _is_callback(text: str) -> bool:
    try:
        return bool(callback(text))
    except AddressProblem:
        return False


def ehr_address(text: str) -> str:
    """`your-emr.com` or a URL as `https://host[:port][/path]`: the one spelling; raises AddressProblem.

    Host in lower case and IDN-encoded, usual port and closing slash left out; plain http stays what it is.
    """
    from cobalt_link.net.addresses import parse
    from cobalt_link.net.errors import AddressRefused

    url = text.strip() if "://" in text else f"https://{text.strip()}"
    parts = urlsplit(url)
    if parts.query or parts.fragment or "?" in url or "#" in url or re.search(r"[\s\\]", url) or len(url) > 2000:
        raise AddressProblem(
            f"The EHR's address {text[:200]!r} has more than host and path. Write your-emr.example.com."
        )
    try:
        return parse(url).where + parts.path.rstrip("/")
    except AddressRefused as refused:
        raise AddressProblem(str(refused)) from None


def domain_rule(text: str) -> str:
    """One allowed EHR domain: `his.example.org` for that host, `*.example.org` for every name below."""
    rule = text.strip().lower()
    if not HOST_RULE.fullmatch(rule) or ".." in rule:
        raise AddressProblem(
            f"{text[:200]!r} is no domain. Write his.example.org, or *.example.org for all names below."
        )
    return rule


def is_allowed(address: str, rules: tuple[str, ...] | list[str]) -> bool:
    """Whether a canonical EHR address is inside the allowed domains; no rules allow every one."""
    place = urlsplit(address).netloc
    host = place if place.startswith("[") else place.partition(":")[0]
    return not rules or any(
        rule in {place, host} or (rule.startswith("*.") and (place.endswith(rule[1:]) or host.endswith(rule[1:])))
        for rule in rules
    )
