"""The doctor's check from outside: the public address is this server and passes our headers on, and hosts resolve."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2

from cobalt_link.cli.diagnostics import Diagnostic, fail, ok, warn
from cobalt_link.kit import tokens
from cobalt_link.net.transport import CaFileError, system_trust
from cobalt_link.settings import Settings
from cobalt_link.settings.values import is_loopback

ROUTE = "/v1/orgs?page_size=1"
SENT = "203.0.113.7"  # an address for documentation, which no caller has (RFC 5737)
FORWARD = "in nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
NGINX = "in nginx: underscores_in_headers on; (or let the apps send client-id, client-secret, access-token)"


async def check_address(settings: Settings) -> list[Diagnostic]:
    """The public address as a caller sees it, and the hosts that the settings name."""
    return [*await _public(settings), *await _hosts(settings)]


async def _public(settings: Settings) -> list[Diagnostic]:
    address = settings.public_url
    name, secret = tokens.mint(tokens.CLIENT_ID, tokens.LIVE), tokens.mint(tokens.CLIENT_SECRET, tokens.LIVE)
    try:
        trust = system_trust(settings.ca_file)
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=5, verify=trust) as browser:
            none = await _asked(browser, {})
            under = await _asked(browser, {"client_id": name, "client_secret": secret})
            hyphen = await _asked(browser, {"client-id": name, "client-secret": secret})
            behind = await check_proxy(browser) if not is_loopback(browser.base_url.host) else []
    except CaFileError as error:
        return [fail("CA file", str(error), "correct COBALT_CA_FILE")]
    except httpx2.HTTPError as error:
        fix = "start `cobalt serve`, then check its proxy, its name and its certificate"
        return [warn("public address", f"{address} does not answer ({type(error).__name__}: {error})", fix)]
    found = diagnose(address, none, under, hyphen)
    return [found, *behind] if found.state == "ok" else [found]


async def check_proxy(browser: httpx2.AsyncClient) -> list[Diagnostic]:
    """What the proxy in front does with `X-Forwarded-For`, and whether it shows the metrics to everybody."""
    seen = await browser.get("/client-address", headers={"x-forwarded-for": SENT})
    metrics = await browser.get("/metrics")
    return [_forwarding(_json(seen)), _open_metrics(str(browser.base_url).rstrip("/"), metrics.status_code)]


def _forwarding(seen: dict[str, Any]) -> Diagnostic:
    """The diagnostic for what `/client-address` says of a request that claims to come from SENT."""
    what, address, forwarded = "X-Forwarded-For", seen.get("address"), seen.get("forwarded")
    if forwarded == 0:
        text = "the proxy does not send it, so all users share one rate limit and the log shows only the proxy"
        return warn(what, text, FORWARD)
    if forwarded == 1 and address == SENT:
        text = "the proxy passes on what a caller wrote, so anybody can pretend to be another address"
        return fail(what, text, FORWARD)
    return ok(what, f"the proxy names the caller's address; yours is {address}")


def _open_metrics(address: str, status: int) -> Diagnostic:
    """The diagnostic for `/metrics` at the public address, where the doctor is a stranger like all others."""
    if status == 200:
        fix = "set COBALT_METRICS_FROM to the addresses of your monitoring, or return 404 for it in the proxy"
        return warn("metrics", f"{address}/metrics answers from here; check that it does not from the internet", fix)
    return ok("metrics", "not shown at the public address")


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
    return _json(answer).get("message") if answer.status_code == 401 else None


def _json(answer: httpx2.Response) -> dict[str, Any]:
    """The JSON object of an answer, or an empty one."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


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
