"""Addresses that others fill in: only a web address becomes a link."""

import pytest

from cobalt_link.link.pages.hosts import web_url


@pytest.mark.parametrize("url", ["https://acme.example/back?a=1", "http://127.0.0.1:8421/"])
def test_a_web_address_is_a_link(url: str) -> None:
    assert web_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JavaScript://acme.example/%0aalert(1)", "data:text/html,x", "ftp://acme.example/",
        "file:///etc/passwd", "mailto:a@acme.example", "//acme.example/", "/back", "acme.example", "https://", "",
        None, 7,
    ],
)  # fmt: skip
def test_anything_else_is_none(url: object) -> None:
    assert web_url(url) is None
