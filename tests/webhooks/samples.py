"""The verifiers: those of docs/how-to/webhooks.md, the contract's own, and the official ones of Standard Webhooks.

Those in JavaScript run in one Node process. Each gets a list of requests and says of each whether it accepts it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.docs.samples import DOCS, samples

Request = tuple[Any, ...]
"""A secret, or public keys and a webhook's id; then headers, and a body."""

VERIFIERS = Path(__file__).with_name("verifiers")
PAGE = {each.name: each.text for each in samples(DOCS / "how-to" / "webhooks.md") if each.mark == "app" and each.name}

# Contract §6.2: it hashes the body that was parsed and serialized again.
PUBLISHED = """
import crypto from "node:crypto";
export function verify(secretKey, headers, body) {
  const payload = JSON.parse(body);
  const expected = crypto.createHmac("sha256", secretKey).update(JSON.stringify(payload)).digest("hex");
  const given = headers["cobalt-verification"];
  return given.length === expected.length && crypto.timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}
"""
DRIVER = """
import { readFileSync } from "node:fs";
const { verify } = await import(process.argv[2]);
const requests = JSON.parse(readFileSync(process.argv[3], "utf8"));
const accepts = (request) => {
  const body = Buffer.from(request.pop(), "base64").toString("utf8");
  try { return !!verify(...request, body); } catch { return false; }
};
console.log(JSON.stringify(requests.map(accepts)));
"""


class Node:
    """A folder with the verifiers in JavaScript, and the official package installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def accepts(self, name: str, requests: Sequence[Request]) -> list[bool]:
        listed = [(*first, base64.b64encode(body).decode()) for *first, body in requests]
        (self.folder / "requests.json").write_text(json.dumps(listed))
        return json.loads(await run("node", "driver.mjs", f"./{name}", "requests.json", cwd=self.folder))

    async def again(self, texts: Sequence[str]) -> list[str]:
        """`JSON.stringify(JSON.parse(text))` of each."""
        (self.folder / "texts.json").write_text(json.dumps(list(texts)))
        script = 'JSON.parse(require("fs").readFileSync("texts.json")).map((t) => JSON.stringify(JSON.parse(t)))'
        return json.loads(await run("node", "-e", f"console.log(JSON.stringify({script}))", cwd=self.folder))


async def node_in(folder: Path) -> Node:
    if shutil.which("npm") is None:
        pytest.skip("needs Node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(VERIFIERS / name, folder)
    await run("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
    for name, text in {**PAGE, "published.mjs": PUBLISHED, "driver.mjs": DRIVER}.items():
        (folder / name).write_text(text)
    return Node(folder)


def python_sample(name: str) -> Any:
    """`verify` of a sample in Python."""
    module = types.ModuleType("sample")
    exec(compile(PAGE[name], name, "exec"), module.__dict__)
    return module.__dict__["verify"]


async def run(*command: str, cwd: Path) -> str:
    quiet = {"npm_config_update_notifier": "false", "npm_config_prefer_offline": "true"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env={**os.environ, **quiet}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 240)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, (output + errors).decode()
    return output.decode()
