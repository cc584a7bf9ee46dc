"""What Link costs a browser: bytes of the SDK and of each first view, the time until a person can type, requests.

Timed in Chromium with a cold cache, Link at 127.0.0.1 in a frame of localhost: on loopback, and behind a line with a
round trip of 150 ms and 1.6 Mbit/s. The baseline is an empty page in the same frame over the same line.
"""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import msgspec
from playwright.async_api import Browser, Page
from tests.browsers.chromium.site import Site, served
from tests.link.pages.gallery import gallery
from tests.support.chromium import chromium

from benchmarks.line import LOOPBACK, SLOW, Line, line
from benchmarks.telling import spread
from benchmarks.world import World, free_port, program, world
from cobalt_link.developers.clients import Clients
from cobalt_link.kit.clock import SystemClock
from cobalt_link.link.pages import assets

ROUNDS = 15
FIRST_VIEW_MOST, FIRST_VIEW_AIM, SDK_MOST, REACT_MOST = 14_336, 8_192, 2_560, 900
TARGETS = {LOOPBACK: 200, SLOW: 1200}  # milliseconds, p50
JS = Path(__file__).parents[1] / "clients" / "js"
DIST = JS / "sdk" / "dist"
ESBUILD = JS / "node_modules" / ".bin" / "esbuild"
BROTLI = """const z = require("zlib"), fs = require("fs"), size = z.constants.BROTLI_PARAM_SIZE_HINT;
  const body = fs.readFileSync(0);
  process.stdout.write(z.brotliCompressSync(body, { params: { [size]: body.length } }));"""

# In every window and frame: says when it was interactive, agrees at once, and adds up what blocked the main thread.
WATCH = """{
  window.blocked = 0;
  const add = (list) => { for (const each of list.getEntries()) blocked += Math.max(0, each.duration - 50); };
  new PerformanceObserver(add).observe({ type: 'longtask', buffered: true });
  const now = () => performance.timeOrigin + performance.now();
  let agreed = false;
  const look = () => {
    const yes = document.querySelector('button[name=agree][value=yes]'); // inert: no person could press it
    if (yes && !agreed && !yes.closest('[inert]')) { agreed = true; told('pane', now(), blocked); yes.click(); }
    const field = document.querySelector('[name=username]');
    if (field && document.activeElement === field && document.hasFocus()) return told('keys', now(), blocked);
    if (document.querySelector('#bare')) return told('bare', now(), blocked);
    requestAnimationFrame(look);
  };
  if (parent !== window && location.hostname === '127.0.0.1') requestAnimationFrame(look);
}"""
APP = """<!doctype html><title>App</title><link rel="icon" href="data:,"><body><script src="{link}/init.js"></script>
<script>
  const now = () => performance.timeOrigin + performance.now();
  function link(token) {{ const began = now(); CobaltLink.init({{ token, onSuccess() {{}} }}); return began; }}
  function bare() {{ const began = now(), frame = document.createElement('iframe');
    frame.src = '{link}/static/none'; document.body.append(frame); return began; }}
</script>"""


async def run() -> None:
    _sizes()
    async with _place() as (here, site, lines), chromium() as browser:
        for each, address in lines.items():
            app = await _registered(here, site, address)
            site.put("/", APP.format(link=address))
            timed = [await _visit(browser, site, address, app) for _ in range(ROUNDS)]
            bare = [await _bare(browser, site, address) for _ in range(ROUNDS)]
            _tell(each, timed, bare)


class Visited(msgspec.Struct):
    """Milliseconds from `init()` to the first pane and to a field that takes keys; requests and bytes of the frame."""

    pane: float
    keys: float
    blocked: float
    requests: int
    foreign: int


def _sizes() -> None:
    sdk = len(assets.packed(assets.source("init.js"), "gzip")[0])
    print(f"  SDK: {sdk} bytes gzip, most {SDK_MOST}")
    if (DIST / "react.js").exists():
        react = _packed(b"".join((DIST / name).read_bytes() for name in ("react.js", "index.js")))
        print(f"  React entry with its loader: {react} bytes gzip, most {REACT_MOST}")
    pages = {name: _packed(html.encode()) for name, html in gallery().items()}
    heavy = max(pages, key=pages.__getitem__)
    print(
        f"  first view of {len(pages)} pages with style, script and icon, most {FIRST_VIEW_MOST}, aim {FIRST_VIEW_AIM}:"
    )
    for coding in ("gzip", "gzip, br"):
        files = [assets.packed(assets.source(name), coding) for name in ("link.css", "link.js", "link.svg")]
        shared = sum(len(body) for body, _ in files)
        p50, most = shared + median(pages.values()), shared + pages[heavy]
        print(f"    files in {files[0][1]}: p50 {p50:.0f} bytes, {heavy} {most}")
        if ESBUILD.exists():
            _style_sheet(files[0][1], len(files[0][0]), shared + min(pages.values()))


def _style_sheet(coding: str, written: int, smallest: int) -> None:
    """What serving the style sheet as it is written costs. `smallest`: bytes of the smallest first view with it."""
    plain = subprocess.run([ESBUILD, "--minify", "--loader=css"], input=assets.source("link.css"), capture_output=True)
    minified = _packed(plain.stdout) if coding == "gzip" else len(_brotli(plain.stdout))
    baseline = smallest - written + minified
    print(
        f"      style sheet as written {written}, minified {minified}: {smallest / baseline - 1:+.1%} of the smallest"
    )


def _brotli(body: bytes) -> bytes:
    return subprocess.run(["node", "-e", BROTLI], input=body, capture_output=True, check=True).stdout


def _packed(body: bytes) -> int:
    return len(gzip.compress(body, 9))


def _tell(at: Line, timed: Sequence[Visited], bare: Sequence[float]) -> None:
    p50 = median(each.keys for each in timed)
    verdict = "reached" if p50 <= TARGETS[at] else "missed"
    print(f"  {at.name}: from init() to a field that takes keys, p50 in ms: {spread(each.keys for each in timed)}")
    print(f"    of it to the first pane: {spread(each.pane for each in timed)}; target {TARGETS[at]}: {verdict}")
    print(f"    baseline, an empty frame: {spread(bare)}")
    requests, foreign = max(each.requests for each in timed), max(each.foreign for each in timed)
    print(f"    requests to Link: {requests}, to anybody else: {foreign}")
    print(f"    main thread blocked, ms: {spread(each.blocked for each in timed)}")


async def _visit(browser: Browser, site: Site, address: str, app: dict[str, str]) -> Visited:
    async with httpx2.AsyncClient(base_url=address, trust_env=False) as http, _window(browser, site) as (page, told):
        wanted = {"user_id": "user-1", "org_id": "bench", "emr_name": "Sandbox EHR"}
        token = (await http.post("/link/token/create", headers=app, json=wanted)).raise_for_status().json()["token"]
        asked: list[str] = []
        page.context.on("request", lambda request: asked.append(request.url))
        began = await page.evaluate("token => link(token)", token)
        await _until(page, told, "keys")
    own = [url for url in asked if url.startswith(f"{address}/")]
    at, blocked = told["keys"]
    return Visited(told["pane"][0] - began, at - began, blocked, len(own), len(asked) - len(own))


async def _bare(browser: Browser, site: Site, address: str) -> float:
    async with _window(browser, site) as (page, told):
        await page.context.route(
            re.compile("/static/none"),
            lambda route: route.fulfill(body="<p id=bare>", content_type="text/html"),
        )
        began = await page.evaluate("bare()")
        await _until(page, told, "bare")
    return told["bare"][0] - began


async def _until(page: Page, told: dict[str, Any], what: str) -> None:
    for _ in range(2000):
        if what in told:
            return
        await page.wait_for_timeout(10)
    raise TimeoutError(f"the page never came to {what}")


@asynccontextmanager
async def _window(browser: Browser, site: Site) -> AsyncIterator[tuple[Page, dict[str, Any]]]:
    """A browser with nothing in its cache, at the app's page."""
    context = await browser.new_context(viewport={"width": 1000, "height": 800})
    told: dict[str, Any] = {}
    await context.expose_function("told", lambda what, at, blocked: told.setdefault(what, (at, blocked)))
    await context.add_init_script(WATCH)
    page = await context.new_page()
    try:
        await page.goto(site.address)
        yield page, told
    finally:
        await context.close()


async def _registered(here: World, site: Site, address: str) -> dict[str, str]:
    clients = Clients(here.db, here.vault, SystemClock())
    client, secret = await clients.create(f"Bench {address}", test=True, origins=[site.address])
    return {"client_id": client.client_id, "client_secret": secret}


@asynccontextmanager
async def _place() -> AsyncIterator[tuple[World, Site, dict[Line, str]]]:
    """A server for each line, the sandbox EHR and the app's site; the address of Link at each line's end."""
    async with AsyncExitStack() as stack:
        ehr = free_port()
        here = await stack.enter_async_context(world(COBALT_EHR_ADDRESSES=f"sandbox=http://127.0.0.1:{ehr}"))
        sandbox = ("-m", "cobalt_link", "sandbox", "--port", str(ehr))
        await stack.enter_async_context(program(*sandbox, env=here.env, port=ehr, path="/"))
        lines = {}
        for each in (LOOPBACK, SLOW):
            port = free_port()
            address = await stack.enter_async_context(line(each, port))
            serve = ("-m", "cobalt_link", "serve", "--port", str(port), "--public-url", address)
            await stack.enter_async_context(program(*serve, env=here.env, port=port))
            lines[each] = address
        yield here, await stack.enter_async_context(served()), lines
