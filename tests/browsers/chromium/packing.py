"""Builds `clients/js` in a temporary folder, with the locked tools and the same build script as `make assets`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from cobalt_link.link.pages import assets
from tests.house.tree import ROOT

CLIENT = ROOT / "clients" / "js"
STATIC = Path(assets.__file__).parent / "static"
STYLE = "link.css"  # served as it is written; the build only compresses it
NOT_COPIED = shutil.ignore_patterns("node_modules", "dist")


class Built:
    """`static`: what the server serves. `package`: the folder that npm packs. `tools`: where esbuild and tsc are."""

    def __init__(self, folder: Path) -> None:
        self.client = folder / "clients" / "js"
        self.static = folder / "static"
        self.package = self.client / "sdk"
        self.tools = self.client / "node_modules" / ".bin"


async def run(*command: str | Path, cwd: Path) -> str:
    """The standard output of a command. Fails the test with all output if the command fails."""
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **quiet, "npm_config_prefer_offline": "true"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 240)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, (output + errors).decode()
    return output.decode()


async def build(folder: Path) -> Built:
    if shutil.which("npm") is None:
        pytest.skip("needs Node and npm: the built files are committed, so only a change of their sources needs both")
    built = Built(folder)
    shutil.copytree(CLIENT, built.client, ignore=NOT_COPIED)
    built.static.mkdir()
    shutil.copy(STATIC / STYLE, built.static)
    await run("npm", "ci", cwd=built.client)
    await run("node", "build.mjs", built.static, built.package / "dist", cwd=built.client)
    return built


async def packed(built: Built) -> Path:
    """The tarball that would be published."""
    [package] = json.loads(await run("npm", "pack", "--json", cwd=built.package))
    return built.package / package["filename"]


async def bundled_app(built: Built, source: str, react: int, folder: Path) -> str:
    """The script of a React app that installed the tarball from npm. `react`: the major version."""
    folder.mkdir()
    dependencies = {
        "react": f"^{react}",
        "react-dom": f"^{react}",
        "@cobalt-link/link": f"file:{await packed(built)}",
    }
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": dependencies}))
    await run("npm", "install", cwd=folder)
    (folder / "app.jsx").write_text(source)
    options = ("--bundle", "--format=iife", "--jsx=automatic", '--define:process.env.NODE_ENV="development"')
    await run(built.tools / "esbuild", "app.jsx", *options, "--outfile=app.js", cwd=folder)
    return (folder / "app.js").read_text()
