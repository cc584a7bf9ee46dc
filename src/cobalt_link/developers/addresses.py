"""Checks callback addresses, origins, and EHR addresses, and brings each into its one spelling.

Addresses are compared as exact strings: no patterns and no prefixes (RFC 9700 §2.1 and §4.1). Only the port of a
loopback callback may differ (RFC 8252 §7.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from cobalt_link.settings import values
from cobalt_link.settings.values import is_loopback

# The characters of an address that need no encoding: RFC 3986 §2, without "*", which reads as a pattern.
WRITTEN = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:(?P<port>[1-9][0-9]{0,4}))?")
DOT_SEGMENT = re.compile(r"/(\.|%2e){1,2}(?=[/?]|$)", re.IGNORECASE)
LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[1-9][0-9]{0,4})?(/.*|\?.*|)")
USUAL = {"http": "80", "https": "443"}
APP_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,62}")
# Schemes that a browser or a system handles itself, or that any web page can register for itself (HTML Standard,
# "safelisted scheme"). A token sent there would not reach the app.
TAKEN_SCHEME = re.compile(
    r"""
    about|acct|android-app|app-settings|bitcoin|blob|cabal|calshow|cid|coap|content|dat|data|did|dns|doi|dweb|edge
    |ethereum|facetime|feed|file|filesystem|ftps?|geo|git|googlechrome.*|gopher|https?|hyper|im|imap|intent|ipfs|ipns
    |irc6?|ircs|itms.*|jar|javascript|ldaps?|livescript|magnet|mailto|maps|market|matrix|mid|mms|mocha|news|nfs|nntp
    |openpgp4fpr|opera|package|pop|prefs|resource|rsync|rtsp|safari|search|sftp|shell|shortcuts|sips?|sms|smsto|smb
    |snews|ssb|ssh|stun|svn|tel|telnet|turn|urn|vbscript|view-source|vnc|wais|webcal|wss?|wtai|xmpp
    |(web\+|ms-|chrome|moz-|search-|x-apple|microsoft).*
    """,
    re.VERBOSE,
)


class AddressProblem(ValueError):
    """An address that cannot be used. The text says how to write it."""


def callback(text: str) -> str:
    """A callback address as registered, unchanged; raises AddressProblem.

    It is a web address, or one with an app's own scheme such as `myapp://linked` (RFC 8252 §7.1).
    """
    if is_app_scheme(text.partition("://")[0]) and "://" in text:
        _written_for_an_app(text)
    else:
        _written(text, "callback address", "https://app.example.com/linked, or myapp://linked for a phone app")
    if DOT_SEGMENT.search(_split(text).path):
        # Browsers resolve them, so the address that they open is not the one that was compared.
        raise AddressProblem(f"The callback address {text} has dot segments in its path. Write the path without them.")
    return text


def is_app_scheme(scheme: str) -> bool:
    """Whether a URL scheme can belong to an app, in lowercase. Browsers and systems have a use for the others."""
    return bool(APP_SCHEME.fullmatch(scheme)) and not TAKEN_SCHEME.fullmatch(scheme)


def origin(text: str) -> str:
    """An origin as registered, exactly as browsers send it (RFC 6454 §6.2); raises AddressProblem."""
    if text.partition("://")[2].startswith("["):
        # The grammar of CSP has no IPv6 address, so browsers would refuse to frame the page (CSP Level 3).
        raise AddressProblem(
            f"The origin {text[:200]!r} is an IPv6 address. Browsers cannot be told to allow it. Use a host name, such"
            " as http://localhost:3000."
        )
    _written(text, "origin", "https://app.example.com")
    bare = f"{urlsplit(text).scheme}://{urlsplit(text).netloc}"
    if text != bare:
        raise AddressProblem(f"The origin {text} has more than a scheme, a host, and a port. Register {bare}.")
    return text


def _written(text: str, what: str, example: str) -> None:
    advice = f"Write it like {example}."
    if not WRITTEN.fullmatch(text) or len(text) > 2000:
        raise AddressProblem(
            f"The {what} {text[:200]!r} is too long, or has characters that cannot be matched exactly: spaces, *,"
            f" \\, #, or letters beyond ASCII. {advice}"
        )
    scheme, _, rest = text.partition("://")
    found = HOST_AND_PORT.fullmatch(re.split(r"[/?]", rest, maxsplit=1)[0])
    if scheme not in USUAL or not found:
        raise AddressProblem(f"The {what} {text} needs https://, a host in lowercase, and no user name. {advice}")
    if found["port"] and (found["port"] == USUAL[scheme] or int(found["port"]) > 65535):
        raise AddressProblem(f"The {what} {text} names a port that no browser sends. Leave out :{found['port']}.")
    _check_host(f"{scheme}://{found['host']}", f"The {what} {text}")
    if scheme == "http" and not is_loopback(found["host"]):
        raise AddressProblem(f"The {what} {text} is unencrypted. That is only allowed for this machine. Use https://.")


def _check_host(bare: str, subject: str) -> None:
    """Browsers spell a host in one way, and refuse some that look right, such as `1.2.3` and `a..b`."""
    from cobalt_link.net.addresses import parse
    from cobalt_link.net.errors import AddressRefused

    try:
        spelled = parse(bare).where
    except AddressRefused:
        raise AddressProblem(f"{subject} has a host that no browser opens. Check its spelling.") from None
    if spelled != bare:
        raise AddressProblem(f"{subject} is not spelled as browsers do. Write {spelled}.")


def _written_for_an_app(text: str) -> None:
    host = re.split(r"[/?]", text.partition("://")[2], maxsplit=1)[0]
    if not WRITTEN.fullmatch(text) or len(text) > 2000 or "@" in host:
        raise AddressProblem(
            f"The callback address {text[:200]!r} is too long, or has characters that cannot be matched exactly:"
            " spaces, @, *, \\, #, or letters beyond ASCII. Write it like myapp://linked."
        )


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
    """`your-emr.com` or a URL in its one spelling, `https://host[:port][/path]`. Raises AddressProblem.

    The host is in lowercase and IDN-encoded. The usual port and a closing slash are left out. Plain http stays.
    """
    from cobalt_link.net.addresses import parse
    from cobalt_link.net.errors import AddressRefused

    url = text.strip() if "://" in text else f"https://{text.strip()}"
    parts = _split(url)
    if (
        DOT_SEGMENT.search(parts.path)
        or parts.query
        or parts.fragment
        or "?" in url
        or "#" in url
        or re.search(r"[\s\\]", url)
        or len(url) > 2000
    ):
        raise AddressProblem(
            f"The EHR's address {text[:200]!r} has more than a host and a path. Write it like your-emr.example.com."
        )
    try:
        return parse(url).where + parts.path.rstrip("/")
    except AddressRefused as refused:
        raise AddressProblem(str(refused)) from None


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Python checks what is in brackets. Browsers would not open it either.
        raise AddressProblem(f"The address {url[:200]!r} has no valid IPv6 address in its brackets.") from None


def check_reachable(address: str, *, private: bool) -> None:
    """Raises AddressProblem for a canonical EHR address to which no connection will ever be allowed. `private`: private
    networks are allowed. A name can only be checked when it is resolved, at each connection."""
    from cobalt_link.net.addresses import checked, parse
    from cobalt_link.net.errors import AddressRefused

    target = parse(address)
    try:
        ip_address(target.host)
    except ValueError:
        if target.scheme == "http" and not private:
            raise AddressProblem(f"{target.where} would send data unencrypted. Use https://.") from None
        return
    try:
        checked(target, [target.host], allow_private=private)
    except AddressRefused as refused:
        raise AddressProblem(str(refused)) from None


def domain_rule(text: str) -> str:
    """One allowed EHR domain: `his.example.org` for that host, `*.example.org` for every name below."""
    try:
        return values.domain_rule(text)
    except ValueError as error:
        raise AddressProblem(str(error)) from None


def contact(text: str) -> str:
    """An e-mail address as registered; raises AddressProblem."""
    try:
        return values.mail_address(text.strip())
    except ValueError:
        raise AddressProblem(f"{text[:200]!r} is no e-mail address. Write one such as ops@app.example.com.") from None


def is_allowed(address: str, rules: Sequence[str]) -> bool:
    """Whether a canonical EHR address is in the allowed domains. Without rules, every address is."""
    with_port = urlsplit(address).netloc
    # A rule may name a port or leave it out. An IPv6 address has colons of its own, in brackets.
    host = re.sub(r":\d+$", "", with_port)
    return not rules or any(
        rule in {with_port, host}
        or (rule.startswith("*.") and (with_port.endswith(rule[1:]) or host.endswith(rule[1:])))
        for rule in rules
    )
