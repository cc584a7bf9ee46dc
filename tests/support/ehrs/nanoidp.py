"""NanoIDP, an authorization server of others, in a process of its own, with a FHIR server in front that names it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from cobalt_link.connector import Secret
from cobalt_link.connector.panes import RedirectAnswer
from cobalt_link.web import server as web_server
from tests.support.world import free_port

SCOPES = ["openid", "fhirUser", "offline_access", "user/Patient.rs"]
USERS = {"config_version": 1, "users": {"ann": {"password": "pass_good", "email": "ann@example.org"}}}


class NanoIdp:
    """`address` is the FHIR server in front. `lets_in`: whether it answers a read."""

    def __init__(self, origin: str, front: str) -> None:
        self.origin = origin
        self.address = f"{front}/fhir"
        self.lets_in = True
        self.stays_away = False

    async def approve(self, url: str) -> RedirectAnswer | None:
        """A person who signs in at NanoIDP's own page. None if it shows none, or if the person does not come back."""
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=30) as browser:
            page = await browser.get(url)
            found = re.search(r'name="transaction_id" value="([^"]+)"', page.text)
            if page.status_code == 200 and found and not self.stays_away:
                form = {"transaction_id": unescape(found[1]), "username": "ann", "password": "pass_good"}
                page = await browser.post(url, data=form)
        if page.status_code not in (302, 303):
            return None
        query = {name: values[0] for name, values in parse_qs(urlsplit(page.headers["location"]).query).items()}
        code = query.get("code")
        return RedirectAnswer(code=Secret(code) if code else None, error=query.get("error"), issuer=query.get("iss"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                await send({"type": f"{(await receive())['type']}.complete"})
            return
        await self._respond(Request(scope, receive).url.path)(scope, receive, send)

    def _respond(self, path: str) -> Response:
        if path == "/fhir/.well-known/smart-configuration":
            ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "revocation_endpoint": "revoke"}
            known: dict[str, Any] = {name: f"{self.origin}/{end}" for name, end in ends.items()}
            more = {"capabilities": ["permission-v2"], "code_challenge_methods_supported": ["S256"]}
            known["token_endpoint_auth_methods_supported"] = ["client_secret_basic", "client_secret_post", "none"]
            return JSONResponse(known | more | {"scopes_supported": SCOPES})
        if path == "/fhir/metadata":
            return JSONResponse({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
        return JSONResponse({"resourceType": "Bundle"}, 200 if self.lets_in else 403)


@asynccontextmanager
async def nanoidp(folder: Path, clients: list[dict[str, Any]]) -> AsyncIterator[NanoIdp]:
    """Runs while the block does. `clients` as its settings have them."""
    port, front = free_port(), free_port()
    origin = f"http://127.0.0.1:{port}"
    oauth = {"issuer": origin, "audience": "fhir", "scopes_supported": SCOPES, "clients": clients}
    settings = {"config_version": 1, "server": {"host": "127.0.0.1", "port": port}, "oauth": oauth}
    for name, content in (("settings", settings), ("users", USERS)):
        (folder / f"{name}.yaml").write_text(json.dumps(content))  # JSON is YAML too
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nanoidp", "--config", str(folder), "--port", str(port), cwd=folder,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    idp = NanoIdp(origin, f"http://127.0.0.1:{front}")
    try:
        await _until_it_answers(process, origin)
        async with web_server.serving(idp, "127.0.0.1", front):
            yield idp
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_it_answers(process: asyncio.subprocess.Process, origin: str) -> None:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
        while process.returncode is None:
            try:
                if (await http.get(f"{origin}/.well-known/openid-configuration")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
    raise RuntimeError(f"NanoIDP ended with {process.returncode}")
