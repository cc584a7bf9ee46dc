"""npm's oidc-provider, an authorization server of others, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.support.ehrs.gnuhealth_install import cache, digest, made_once, run
from tests.support.world import free_port

LAB = Path(__file__).parent / "oidc_provider_lab"
FILES = ("package.json", "package-lock.json", ".npmrc", "server.mjs")
SCOPES = ["openid", "fhirUser", "offline_access", "user/Patient.rs"]


class NotInstalled(Exception):
    """oidc-provider cannot be had here. The text says why."""


def installed() -> Path:
    """The folder with the server, installed by the first that asks. Raises NotInstalled."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise NotInstalled("there is no Node here")
    parts = [(LAB / name).read_bytes() for name in FILES]
    try:
        return made_once(cache() / f"oidc-provider-{digest(*parts)}", _install)
    except RuntimeError as failed:
        raise NotInstalled(str(failed)[-500:]) from None


def _install(folder: Path) -> None:
    for name in FILES:
        shutil.copy(LAB / name, folder / name)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)


@asynccontextmanager
async def oidc_provider(clients: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Its issuer, while the block runs. `clients` as RFC 7591 has them. Raises NotInstalled."""
    folder = await asyncio.to_thread(installed)
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    settings = {"issuer": issuer, "port": port, "scopes": SCOPES, "clients": clients}
    process = await asyncio.create_subprocess_exec(
        "node", "server.mjs", cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(settings).encode())
    process.stdin.close()
    try:
        await _until_it_answers(process, issuer)
        yield issuer
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_it_answers(process: asyncio.subprocess.Process, issuer: str) -> None:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
        while process.returncode is None:
            try:
                if (await http.get(f"{issuer}/.well-known/openid-configuration")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
    raise RuntimeError(f"oidc-provider ended with {process.returncode}")
