"""The IP address that a request comes from. `X-Forwarded-For` counts only where a trusted proxy wrote it."""

import functools
import ipaddress
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(trusted: Iterable[str]) -> tuple[Network, ...]:
    """Trusted proxies, each an address or a CIDR range. Raises `ValueError` with the text that is neither."""
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in trusted)


def client_address(scope: Scope, trusted: tuple[Network, ...]) -> str:
    """The nearest address that does not belong to a trusted proxy, else the peer's; "unknown" on a Unix socket."""
    peer = (scope.get("client") or ("unknown", 0))[0]
    address = peer
    # From the right: each proxy appends the address that it saw, and a client can write anything on the left.
    for hop in reversed(hops(scope) if trusted else []):
        if not is_in(address, trusted):
            break
        address = hop
    return address if _parsed(address) else peer


def hops(scope: Scope) -> list[str]:
    """The addresses in `X-Forwarded-For`, the farthest first."""
    if all(name != b"x-forwarded-for" for name, _ in scope["headers"]):
        return []
    lines = Headers(scope=scope).getlist("x-forwarded-for")
    return [hop.strip() for line in lines for hop in line.split(",")]


def is_in(address: str, trusted: tuple[Network, ...]) -> bool:
    """Whether one of the networks holds the address. False for a text that is no address."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in trusted)


@functools.lru_cache(maxsize=4096)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 peers as ::ffff:192.0.2.1, which no IPv4 range contains.
    return getattr(parsed, "ipv4_mapped", None) or parsed
