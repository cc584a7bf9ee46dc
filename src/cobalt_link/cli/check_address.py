"""The doctor's check from outside: the public address is this server and passes our headers on, and hosts resolve."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2

from cobalt_link.cli.diagnostics import Diagnostic, fail, ok, warn
from cobalt_link.kit import tokens
from cobalt_link.settings import Settings

ROUTE = "/v1/orgs?page_size=1"
NGINX = "in nginx: underscores_in_headers on; (or let the apps send client-id, client-secret, access-token)"


async def check_address(settings: Settings) -> list[Diagnostic]:
    """The public address as a caller sees it, and the hosts that the settings name."""
    return [await _public(settings.public_url), *await _hosts(settings)]


async def _public(address: str) -> Diagnostic:
    name, secret = tokens.mint(tokens.CLIENT_ID, tokens.LIVE), tokens.mint(tokens.CLIENT_SECRET, tokens.LIVE)
    try:
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=5) as browser:
            none = await _asked(browser, {})
            under = await _asked(browser, {"client_id": name, "client_secret": secret})
            hyphen = await _asked(browser, {"client-id": name, "client-secret": secret})
    except httpx2.HTTPError as error:
        fix = "start `cobalt serve`, then check its proxy, its name and its certificate"
        return warn("public address", f"{address} does not answer ({type(error).__name__}: {error})", fix)
    return diagnose(address, none, under, hyphen)


def diagnose(address: str, none: Any, under: Any, hyphen: Any) -> Diagnostic:
    """The diagnostic for three responses: without credentials, and with made-up ones, in headers of both spellings.

    The message for wrong credentials differs from the message for missing ones, so it shows what arrived.
    """
    if none is None or hyphen is None:
        return fail("public address", f"another server answers at {address}", "check COBALT_PUBLIC_URL and the proxy")
    if under == none and hyphen != none:
        return fail("header names", f"a proxy at {address} drops header names with underscores", NGINX)
    if hyphen == none:
        return fail("header names", f"a proxy at {address} drops our headers", "let the proxy pass on all headers")
    return ok("public address", f"{address} answers and passes on the headers")


async def _asked(browser: httpx2.AsyncClient, headers: dict[str, str]) -> str | None:
    """The message of our 401, or None if another server answered."""
    answer = await browser.get(ROUTE, headers=headers)
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("message") if answer.status_code == 401 and isinstance(body, dict) else None


async def _hosts(settings: Settings) -> list[Diagnostic]:
    named = {"public_url": settings.public_url} | {f"EHR {key}": url for key, url in settings.ehr_addresses.items()}
    found = []
    for what, url in named.items():
        host = urlsplit(url).hostname or ""
        try:
            await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            found.append(fail("host names", f"{host} ({what}) does not resolve", "check the spelling and the DNS"))
    return found or [ok("host names", "all resolve")]
