"""Builds `clients/js` in a temporary folder, with the locked tools and the same build script as `make assets`."""

from __future__ import annotations

import asyncio
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
    """`static`: what the server serves. `package`: the folder that npm packs, `tarball` the packed file. `tools`: where
    esbuild and tsc are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = folder / "clients" / "js"
        self.static = folder / STATIC.relative_to(ROOT)
        self.package = self.client / "sdk"
        self.tarball = folder / "dist" / "cobalt-link.tgz"
        self.tools = self.client / "node_modules" / ".bin"
        self.apps: dict[tuple[str, ...], Path] = {}  # folders of apps, by what they have installed beside the package


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
    """`make package` in a copy of what it needs of the repository."""
    if shutil.which("npm") is None or shutil.which("make") is None:
        pytest.skip("needs Node and make: the built files are committed, so only a change of their sources needs both")
    built = Built(folder)
    shutil.copytree(CLIENT, built.client, ignore=NOT_COPIED)
    for file in (ROOT / "Makefile", STATIC / STYLE, ROOT / "docs/how-to/lightbox.md"):
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    await run("make", "package", cwd=folder)
    return built


async def installed(built: Built, *needs: str) -> Path:
    """The folder of an app that installed the package and what else it needs. Apps with the same needs share one."""
    if needs not in built.apps:
        folder = built.folder / f"app-{len(built.apps)}"
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true}')
        await run("npm", "install", built.tarball, *needs, cwd=folder)
        built.apps[needs] = folder
    return built.apps[needs]


async def bundled(built: Built, source: str, *needs: str) -> str:
    """The script of such an app."""
    folder = await installed(built, *needs)
    (folder / "app.jsx").write_text(source)
    options = ("--bundle", "--format=iife", "--jsx=automatic", '--define:process.env.NODE_ENV="development"')
    await run(built.tools / "esbuild", "app.jsx", *options, "--outfile=app.js", cwd=folder)
    return (folder / "app.js").read_text()


def needs_of(react: int) -> tuple[str, str]:
    """What a React app installs. `react`: the major version."""
    return f"react@{react}", f"react-dom@{react}"
