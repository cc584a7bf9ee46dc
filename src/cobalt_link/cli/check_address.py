"""Doctor's look from outside: the public address answers, is ours, and lets our header names through; hosts resolve."""

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
    """The public address as a caller sees it, and the hosts that settings name."""
    return [await _public(settings.public_url), *await _hosts(settings)]


async def _public(address: str) -> Diagnostic:
    name, secret = tokens.mint(tokens.CLIENT_ID, tokens.LIVE), tokens.mint(tokens.CLIENT_SECRET, tokens.LIVE)
    try:
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=5) as browser:
            none = await _asked(browser, {})
            under = await _asked(browser, {"client_id": name, "client_secret": secret})
            hyphen = await _asked(browser, {"client-id": name, "client-secret": secret})
    except httpx2.HTTPError as error:
        fix = "start `cobalt serve`, then check the proxy, the name and the certificate in front of it"
        return warn("public address", f"{address} does not answer ({type(error).__name__}: {error})", fix)
    return judged(address, none, under, hyphen)


def judged(address: str, none: Any, under: Any, hyphen: Any) -> Diagnostic:
    """From three answers: without credentials, with made-up ones named with underscores, and named with hyphens.

    Credentials that arrive are refused in other words than credentials that are missing.
    """
    if none is None or hyphen is None:
        return fail(
            "public address", f"what answers at {address} is not this server", "check COBALT_PUBLIC_URL and the proxy"
        )
    if under == none and hyphen != none:
        return fail("header names", f"a proxy at {address} drops header names with underscores", NGINX)
    if hyphen == none:
        return fail("header names", f"a proxy at {address} drops our headers", "let the proxy pass all headers on")
    return ok("public address", f"{address} answers and passes the headers on")


async def _asked(browser: httpx2.AsyncClient, headers: dict[str, str]) -> str | None:
    """Our words of refusal, or None when it is not us who answers."""
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
            found.append(fail("host names", f"{host} ({what}) does not resolve", "check its spelling and the DNS"))
    return found or [ok("host names", "all resolve")]
