"""The npm package made from its sources in a folder of its own: by the lock, with the build that we commit from."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.house.tree import ROOT

BROWSER = ROOT / "clients" / "js"
STATIC = ROOT / "src" / "cobalt_link" / "link" / "pages" / "static"
NOT_COPIED = shutil.ignore_patterns("node_modules", "dist")


class Built:
    """`static`: what the server serves; `package`: the folder that npm packs; `tools`: where esbuild and tsc are."""

    def __init__(self, folder: Path) -> None:
        self.browser = folder / "clients" / "js"
        self.static = folder / "static"
        self.package = self.browser / "sdk"
        self.tools = self.browser / "node_modules" / ".bin"


async def run(*command: str | Path, cwd: Path) -> str:
    """What a program says; a test fails with its complaint."""
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **quiet, "npm_config_prefer_offline": "true"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, complaint = await asyncio.wait_for(process.communicate(), 240)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, (said + complaint).decode()
    return said.decode()


async def build(folder: Path) -> Built:
    if shutil.which("npm") is None:
        pytest.skip("needs node and npm: the built files are committed, so only those who change them need these")
    made = Built(folder)
    shutil.copytree(BROWSER, made.browser, ignore=NOT_COPIED)
    await run("npm", "ci", cwd=made.browser)
    await run("node", "build.mjs", made.static, made.package / "dist", cwd=made.browser)
    return made


async def packed(made: Built) -> Path:
    """The tarball that would be published."""
    said = json.loads(await run("npm", "pack", "--json", cwd=made.package))
    return made.package / said[0]["filename"]


async def bundled_app(made: Built, source: str, react: int, folder: Path) -> str:
    """A React app that installed the tarball as any other, as one script."""
    folder.mkdir()
    wanted = {
        "react": f"^{react}",
        "react-dom": f"^{react}",
        "@cobalt-link/link": f"file:{await packed(made)}",
    }
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
    await run("npm", "install", cwd=folder)
    (folder / "app.jsx").write_text(source)
    modes = ("--bundle", "--format=iife", "--jsx=automatic", '--define:process.env.NODE_ENV="development"')
    await run(made.tools / "esbuild", "app.jsx", *modes, "--outfile=app.js", cwd=folder)
    return (folder / "app.js").read_text()
