"""Whose address a request comes from. `X-Forwarded-For` counts only as far as trusted proxies wrote it."""

import functools
import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(trusted: Iterable[str]) -> tuple[Network, ...]:
    """Trusted proxies, each an address or a CIDR range; a mistake is a `ValueError` that names it."""
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in trusted)


def client_address(scope: Scope, trusted: tuple[Network, ...]) -> str:
    """The nearest address that is no trusted proxy's, else the peer's; "unknown" on a Unix socket."""
    peer = (scope.get("client") or ("unknown", 0))[0]
    address = peer
    for hop in reversed(_hops(scope) if trusted else []):
        if not _is_in(address, trusted):
            break
        address = hop
    return address if _parsed(address) else peer


def _hops(scope: Scope) -> list[str]:
    if all(name != b"x-forwarded-for" for name, _ in scope["headers"]):
        return []
    lines = Headers(scope=scope).getlist("x-forwarded-for")
    return [hop.strip() for line in lines for hop in line.split(",")]


def _is_in(address: str, trusted: tuple[Network, ...]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in trusted)


@functools.lru_cache(maxsize=4096)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
