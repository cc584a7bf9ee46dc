"""Which internet addresses we may talk to: a deny table of our own, and one strict way to read a URL.

Everything the table does not know to be public is refused. `ipaddress.is_global` is not asked: on Python 3.11 it lets
NAT64, 6to4, IPv4-compatible and multicast addresses through.
"""

import re
from collections.abc import Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx2
import msgspec

from cobalt_link.net.errors import AddressRefused

Ip = IPv4Address | IPv6Address


class Reach(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


class Target(msgspec.Struct, frozen=True):
    """Where a URL leads. `host` is lower-case ASCII (IDN already encoded), an IPv6 address stands without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def where(self) -> str:
        """For messages: never a path, a query or a user name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")


# A practice's own network, reachable when the operator opens it. 100.64/10: overlay networks use it (RFC 6598).
PRIVATE = [
    *map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    *map(IPv6Network, ("::1/128", "fc00::/7")),
]

# Refused whatever the operator says: clouds answer with credentials here, or no EHR can live here.
METADATA = [
    *map(IPv4Network, ("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")),
    *map(IPv6Network, ("fe80::/10", "fd00:ec2::/32", "fd20:ce::/32", "fd00:42::42/128")),
]

# IANA special-purpose registries (RFC 6890 and its updates).
NOWHERE_4 = [
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

# Only 2000::/3 is given out. Inside it: Teredo and other protocol blocks, documentation, 6to4, AS112.
GIVEN_OUT_6 = IPv6Network("2000::/3")
NOWHERE_6 = [
    *map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")),
]


def reach(ip: Ip) -> Reach:
    """How far away an address is. Mapped, translated (NAT64) and zoned ones are never followed to what they hide."""
    if any(ip.version == net.version and ip in net for net in METADATA):
        return Reach.NEVER
    if isinstance(ip, IPv6Address) and ip.scope_id is not None:
        return Reach.NEVER
    if any(ip.version == net.version and ip in net for net in PRIVATE):
        return Reach.PRIVATE
    if isinstance(ip, IPv4Address):
        return Reach.NEVER if any(ip in net for net in NOWHERE_4) else Reach.PUBLIC
    if ip not in GIVEN_OUT_6 or any(ip in net for net in NOWHERE_6):
        return Reach.NEVER
    return Reach.PUBLIC


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNREADABLE = "This address cannot be used. Write it as https://host or https://host:port"


def read(url: str) -> Target:
    """The one reading of a URL that the guard and the connection share.

    Refused: other schemes, user names, zone ids, and numbers that some resolvers take for IPv4 (`127.1`, `0x7f.1`,
    `2130706433`; URL Standard, "ends in a number").
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
        raise AddressRefused(f"{_UNREADABLE}; ports go from 1 to 65535.")
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
            raise AddressRefused(f"{_UNREADABLE}; a numeric address needs its four plain numbers.") from None
    return name


def judge(target: Target, answers: Sequence[str], *, allow_private: bool) -> list[str]:
    """The addresses to connect to, in the resolver's order; refuses the whole name if one of them is refused.

    A name that points at both a public and a private address is what an attack looks like, so nothing is picked out.
    Plain http is for private networks only.
    """
    ips = [ip_address(answer) for answer in answers]
    reaches = {reach(ip) for ip in ips}
    if Reach.NEVER in reaches:
        raise AddressRefused(
            f"{target.where} leads to an address that is reserved or belongs to a cloud's own services. "
            "It cannot be allowed; use the EHR's public or private address."
        )
    if Reach.PRIVATE in reaches and not allow_private:
        raise AddressRefused(
            f"{target.where} leads into a private network. If that is where the EHR is, the operator can allow it "
            "with COBALT_ALLOW_PRIVATE_NETWORKS=true."
        )
    if target.scheme == "http" and reaches != {Reach.PRIVATE}:
        raise AddressRefused(
            f"{target.where} would send data unencrypted. Use https://; plain http:// is only for private networks, "
            "with COBALT_ALLOW_PRIVATE_NETWORKS=true."
        )
    return [str(ip) for ip in ips]
