"""Shows the host that receives a password, with its registrable domain in bold, and checks links to other sites."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from markupsafe import Markup
from publicsuffixlist import PublicSuffixList

from cobalt_link.kit.text import is_web_url
from cobalt_link.link.pages.texts import clean


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def host_markup(host: str) -> Markup:
    """`host`, with or without a port, as markup. It breaks after dots. The registrable domain or IP address is bold."""
    name, port = _without_port(clean(host))
    domain = name if _is_address(name) else _suffixes().privatesuffix(name) or name
    before = name[: len(name) - len(domain)]
    return Markup('<bdi dir="ltr">{}<b>{}</b>{}</bdi>').format(_breakable(before), _breakable(domain), port)


def web_url(url: object) -> str | None:
    """`url` if it is safe as a link, else None. Some URLs come from EHRs and clients."""
    text = str(url or "")
    return text if is_web_url(text) else None


def same_site(url: str | None, host: str | None) -> bool:
    """Whether a URL has the same registrable domain as the host that the page shows to the user."""
    own, its = _site(f"//{host or ''}"), _site(url or "")
    return bool(own) and own == its


def _site(url: str) -> str | None:
    name = urlsplit(url).hostname or ""
    return name if _is_address(name) else _suffixes().privatesuffix(name) or name or None


def _breakable(name: str) -> Markup:
    return Markup(".<wbr>").join(name.split("."))


def _without_port(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, colon + port) if colon and port.isdigit() and not name.endswith(":") else (host, "")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
