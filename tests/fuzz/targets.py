"""What strangers and EHRs can make us read, each as a function of bytes (S-146).

A target lets only the refusals pass that its callers expect. Any other exception is a crash. There are no JWT or FHIR
bundles in Cobalt Link yet; whoever adds a reader of these adds its target here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from email.message import Message
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from starlette.requests import Request

from cobalt_link.connector.json_api import retry_after
from cobalt_link.connector.pages import CursorPages, LinkedPages, NumberedPages, OffsetPages, Pages, TooManyPages
from cobalt_link.connectors.gnuhealth import values as gnuhealth
from cobalt_link.developers import addresses
from cobalt_link.kit import text, tokens
from cobalt_link.link.pages import hosts, texts
from cobalt_link.net.addresses import parse
from cobalt_link.net.errors import AddressRefused
from cobalt_link.net.http import HttpResponse, NotJson
from cobalt_link.vault import CannotOpen, KeyMissing, Keyring, KeyringError, Vault
from cobalt_link.vault.envelope import Context
from cobalt_link.vault.hpke import new_pair, open_with, seal_to
from cobalt_link.web.client_address import client_address, networks
from cobalt_link.web.conversion import convert
from cobalt_link.web.fields import close_uploads, read_fields
from cobalt_link.web.paging import decoded as read_cursor
from cobalt_link.web.paging import encoded as write_cursor
from cobalt_link.web.problems import Problem

RING = Keyring.generate()
VAULT = Vault(RING)
HERE = Context("accounts", "c1", "a1", "grant")
PRIVATE, PUBLIC = new_pair()
TRUSTED = networks(["10.0.0.0/8", "fd00::/8"])
LOOP = asyncio.new_event_loop()
JSON = (
    b'{"user_id": "u1", "n": 2, "day": "2026-02-28", "tags": ["a", null, 1.5e300],'
    b' "more": {"id": "\\u00fc\\ud83d\\ude00"}}'
)


class Target(NamedTuple):
    """`read` takes what came in. `seeds` are inputs that it understands."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


class Sent(msgspec.Struct):
    """A body with every kind of field that a route declares."""

    user_id: Annotated[str, Meta(max_length=255)] | None = None
    n: Annotated[int, Meta(ge=1, le=500)] = 1
    day: date | None = None
    tags: list[str] | None = None
    more: dict[str, str] | None = None
    listed: bool = False


def token(raw: bytes) -> None:
    written = raw.decode("utf-8", "surrogateescape")
    kind = tokens.environment(written)
    assert (kind is not None) == tokens.well_formed(written)


def retry_after_header(raw: bytes) -> None:
    seconds = retry_after(raw.decode("latin-1"))
    assert seconds is None or 0 <= seconds < 2**31


def body_of(kind: str) -> Callable[[bytes], None]:
    """The body of a request with this content type, read and made into a route's struct."""

    def read(raw: bytes) -> None:
        # What follows the last NUL is the query.
        body, _, query = raw.rpartition(b"\0")
        headers = [(b"content-type", kind.encode())]
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": query, "headers": headers}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def ask() -> None:
            request = Request(scope, receive)
            with suppress(Problem):
                convert(await read_fields(request), Sent)
            await close_uploads(request)

        LOOP.run_until_complete(ask())

    return read


def page_cursor(raw: bytes) -> None:
    with suppress(Problem):
        read_cursor(raw.decode("utf-8", "surrogateescape"), tuple[date, str])


def forwarded_for(raw: bytes) -> None:
    scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", raw)]}
    assert isinstance(client_address(scope, TRUSTED), str)


def address(raw: bytes) -> None:
    written = raw.decode("utf-8", "surrogateescape")
    for kind in (addresses.callback, addresses.origin, addresses.domain_rule):
        with suppress(addresses.AddressProblem):
            kind(written)
    with suppress(addresses.AddressProblem):
        found = addresses.ehr_address(written)
        assert addresses.ehr_address(found) == found
    with suppress(AddressRefused):
        parse(written)
    hosts.host_markup(written)
    if url := hosts.web_url(written):
        hosts.same_site(url, written)


def accepted_language(raw: bytes) -> None:
    written = raw.decode("latin-1")
    assert texts.choose(written, written) in texts.LOCALES


def typed(raw: bytes) -> None:
    written = raw.decode("utf-8", "surrogateescape")
    for read in (text.trimmed, text.as_typed, text.as_code, text.as_searched):
        assert read(read(written)) == read(written)


def answer_of_an_ehr(raw: bytes) -> None:
    """JSON of an EHR, and what GNU Health wraps in it."""
    with suppress(NotJson):
        said = HttpResponse(200, Message(), raw).json()  # type: ignore[arg-type]
        with suppress(ValueError, TypeError, KeyError, OverflowError):
            gnuhealth.plain(said)


def next_page(raw: bytes) -> None:
    """The Link header, and the links, cursors and totals in a body."""
    header, _, body = raw.partition(b"\n")
    try:
        said = HttpResponse(200, Message(), body).json()  # type: ignore[arg-type]
    except NotJson:
        said = None
    headers = {"link": header.decode("latin-1")}
    for pages in PAGES:
        with suppress(TooManyPages):
            pages.after(pages.first(), said, headers, 10, 10)


def sealed(raw: bytes) -> None:
    with suppress(CannotOpen, KeyMissing):
        VAULT.open(raw, HERE)
    with suppress(CannotOpen):
        open_with(PRIVATE, raw, b"session")
    with suppress(KeyringError):
        Keyring.parse(raw)


PAGES: tuple[Pages, ...] = (LinkedPages(next_at="link.next"), CursorPages(), OffsetPages(), NumberedPages())
MULTIPART = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="user_id"\r\n\r\nu1\r\n'
FILE = (
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"x\r\n--x--\r\n"
)
TRYTON = (
    b'{"id": 1, "result": [{"at": {"__class__": "datetime", "year": 2026, "month": 2, "day": 28, "hour": 1,'
    b' "minute": 2, "second": 3}}]}'
)
TARGETS: dict[str, Target] = {
    "token": Target(
        token, tuple(tokens.mint(kind, env).encode() for kind in tokens.KINDS for env in tokens.ENVIRONMENTS)
    ),
    "retry-after": Target(
        retry_after_header, (b"120", b"Fri, 31 Dec 1999 23:59:59 GMT", b"Sun, 06 Nov 1994 08:49:37 -0000")
    ),
    "json": Target(body_of("application/json"), (JSON, b"[" + JSON + b"]", b"\xef\xbb\xbf" + JSON + b"\0page=2")),
    "form": Target(
        body_of("application/x-www-form-urlencoded"), (b"user_id=u1&n=2&tags=a&tags=b\0a=%C3%BC", b'{"n": "1"}\0')
    ),
    "multipart": Target(body_of(MULTIPART), (PART + FILE + b"\0", PART + PART + b"--x--\r\n\0n=1")),
    "cursor": Target(page_cursor, (write_cursor((date(2026, 2, 28), "a1")).encode(), b"W10=")),
    "x-forwarded-for": Target(forwarded_for, (b"203.0.113.9, 10.0.0.2", b"::ffff:192.0.2.1,fd00::1, [::1]:80")),
    "address": Target(
        address,
        (
            b"https://app.example.com/linked?x=1",
            b"myapp://linked",
            b"http://[::1]:8080",
            b"*.example.org",
            b"xn--bcher-kva.example",
        ),
    ),
    "accept-language": Target(accepted_language, (b"es-MX,es;q=0.9,en;q=0.8,*;q=0.5",)),
    "typed text": Target(
        typed, ("  O\u2019Brien\u200b ".encode(), "\u0661\u0662\u0663 456".encode(), "e\u0301".encode())
    ),
    "answer of an EHR": Target(answer_of_an_ehr, (JSON, TRYTON)),
    "link header and pages": Target(
        next_page,
        (
            b'<https://ehr.example/p?page=2>; rel="next", </p>; rel=prev\n{"total": 30}',
            b'\n{"link": {"next": "/p"}, "next_cursor": 7}',
        ),
    ),
    "sealed value": Target(sealed, (VAULT.seal(b"secret", HERE), seal_to(PUBLIC, b"secret", b"session"), RING.dump())),
}
