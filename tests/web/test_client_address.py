"""Whose address counts: the peer's, unless a proxy that the operator trusts says another."""

import pytest

from cobalt_link.web.client_address import client_address, networks


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("192.0.2.1", ["198.51.100.1"], [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], ["192.0.2.1"], "198.51.100.1"),
        ("192.0.2.1", ["198.51.100.1"], ["192.0.2.0/24"], "198.51.100.1"),
        ("192.0.2.1", ["6.6.6.6, 198.51.100.1"], ["192.0.2.1"], "198.51.100.1"),
        ("192.0.2.1", ["6.6.6.6", "198.51.100.1, 192.0.2.9"], ["192.0.2.0/24"], "198.51.100.1"),
        ("203.0.113.5", ["198.51.100.1"], ["192.0.2.0/24"], "203.0.113.5"),
        ("192.0.2.1", ["not an address"], ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.1", [], ["192.0.2.1"], "192.0.2.1"),
        ("2001:db8::1", ["2001:db8:1::2"], ["2001:db8::/48"], "2001:db8:1::2"),
        ("::ffff:192.0.2.1", ["198.51.100.1"], ["192.0.2.0/24"], "198.51.100.1"),
    ],
)
def test_forwarded_addresses_count_as_far_as_trusted_proxies_wrote_them(
    peer: str, forwarded: list[str], trusted: list[str], address: str
) -> None:
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded]}
    assert client_address(scope, networks(trusted)) == address


def test_a_unix_socket_has_no_address() -> None:
    assert client_address({"client": None, "headers": []}, ()) == "unknown"


def test_a_mistaken_proxy_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0"):
        networks(["10.0.0"])
