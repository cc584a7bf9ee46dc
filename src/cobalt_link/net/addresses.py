"""Which addresses we may connect to, and one strict way to read a URL (against SSRF).

An address that is not known to be public is refused. The tables are our own, because `ipaddress.is_global` of Python
3.11 allows NAT64, 6to4, IPv4-compatible and multicast addresses.
"""

import re
from collections.abc import Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx2
import msgspec

from cobalt_link.net.errors import AddressRefused

Ip = IPv4Address | IPv6Address


class AddressKind(Enum):
    """PRIVATE is allowed by COBALT_ALLOW_PRIVATE_NETWORKS, FORBIDDEN by nothing."""

    PUBLIC = "public"
    PRIVATE = "private"
    FORBIDDEN = "forbidden"


class Target(msgspec.Struct, frozen=True):
    """The server of a URL. `host` is lower-case ASCII (an IDN is encoded). An IPv6 address has no brackets."""

    scheme: str
    host: str
    port: int

    @property
    def where(self) -> str:
        """The address as messages show it: without path, query and user name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")


# The network of a practice, if the operator allows it. Overlay networks use 100.64/10 (RFC 6598).
PRIVATE = [
    *map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    *map(IPv6Network, ("::1/128", "fc00::/7")),
]

# Never allowed: cloud services give out credentials at these addresses, and no EHR can have them.
METADATA = [
    *map(IPv4Network, ("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")),
    *map(IPv6Network, ("fe80::/10", "fd00:ec2::/32", "fd20:ce::/32", "fd00:42::42/128")),
]

# IANA special-purpose registries (RFC 6890 and its updates).
SPECIAL_4 = [
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]

# IANA assigns only 2000::/3. The blocks inside it are Teredo and other protocols, documentation, 6to4, and AS112.
GLOBAL_UNICAST_6 = IPv6Network("2000::/3")
SPECIAL_6 = [
    *map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")),
]


def classify(ip: Ip) -> AddressKind:
    """The kind of an address. Mapped, translated (NAT64) and zoned addresses are forbidden, whatever they contain."""
    if any(ip.version == net.version and ip in net for net in METADATA):
        return AddressKind.FORBIDDEN
    if isinstance(ip, IPv6Address) and ip.scope_id is not None:
        return AddressKind.FORBIDDEN
    if any(ip.version == net.version and ip in net for net in PRIVATE):
        return AddressKind.PRIVATE
    if isinstance(ip, IPv4Address):
        return AddressKind.FORBIDDEN if any(ip in net for net in SPECIAL_4) else AddressKind.PUBLIC
    if ip not in GLOBAL_UNICAST_6 or any(ip in net for net in SPECIAL_6):
        return AddressKind.FORBIDDEN
    return AddressKind.PUBLIC


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNREADABLE = "This address cannot be used. Enter it as https://host or https://host:port"


def parse(url: str) -> Target:
    """Reads a URL, for both the guard and the connection. Raises `AddressRefused`.

    Refused are other schemes, user names, zone ids, and numbers that some resolvers take for IPv4, such as `127.1`,
    `0x7f.1` and `2130706433` (URL Standard, "ends in a number").
    """
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError, ValueError):
        raise AddressRefused(f"{_UNREADABLE}.") from None
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:
        raise AddressRefused(f"{_UNREADABLE}.")
    if "@" in url.split("://", 1)[-1].split("/", 1)[0] or parsed.userinfo:
        raise AddressRefused(f"{_UNREADABLE}, without a user name or password.")
    port = parsed.port if parsed.port is not None else {"http": 80, "https": 443}[parsed.scheme]
    if not 0 < port < 65536:
        raise AddressRefused(f"{_UNREADABLE}, with a port from 1 to 65535.")
    return Target(parsed.scheme, _host(parsed.raw_host.decode("ascii")), port)


def _host(raw: str) -> str:
    if ":" in raw:
        if "%" in raw:
            raise AddressRefused(f"{_UNREADABLE}, without a zone id.")
        return IPv6Address(raw).compressed
    name = raw.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(f"{_UNREADABLE}.")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(name))
        except ValueError:
            raise AddressRefused(f"{_UNREADABLE}, and a numeric address with four plain numbers.") from None
    return name


def checked(target: Target, resolved: Sequence[str], *, allow_private: bool) -> list[str]:
    """The addresses to connect to, in the order of the resolver. Raises `AddressRefused` if any of them is refused.

    A name with a public and a private address looks like DNS rebinding, so the allowed one is not picked out. Plain
    http is only for private networks.
    """
    ips = [ip_address(text) for text in resolved]
    kinds = {classify(ip) for ip in ips}
    if AddressKind.FORBIDDEN in kinds:
        raise AddressRefused(
            f"{target.where} leads to an address that is reserved or belongs to the services of a cloud provider. "
            "It cannot be allowed. Use the EHR's public or private address."
        )
    if AddressKind.PRIVATE in kinds and not allow_private:
        raise AddressRefused(
            f"{target.where} is in a private network. If the EHR is there, the operator can allow it with "
            "COBALT_ALLOW_PRIVATE_NETWORKS=true."
        )
    if target.scheme == "http" and kinds != {AddressKind.PRIVATE}:
        raise AddressRefused(
            f"{target.where} would send data unencrypted. Use https://. Plain http:// works only for private networks, "
            "with COBALT_ALLOW_PRIVATE_NETWORKS=true."
        )
    return [str(ip) for ip in ips]
