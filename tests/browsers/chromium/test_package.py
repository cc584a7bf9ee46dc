"""The committed scripts and the npm package: built from the sources, small, and correct in React."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from cobalt_link.app import House
from cobalt_link.link.pages import assets
from tests.browsers.chromium.conftest import Opener
from tests.browsers.chromium.lightbox import Lightbox
from tests.browsers.chromium.packing import CLIENT, STATIC, STYLE, Built, build, bundled, installed, needs_of, run
from tests.browsers.chromium.site import Site
from tests.browsers.chromium.test_how_to import sample
from tests.link.pages.gallery import gallery
from tests.support.world import Shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ReactOpener = Callable[..., Awaitable[Lightbox]]

SDK_MOST, REACT_MOST = 2560, 900  # bytes, gzip -9
PAGE = """<!doctype html><title>App</title><link rel="icon" href="data:,">
<body><div id="root"></div>{more}<script src="/app.js"></script>"""
FRAMES = "document.querySelectorAll('html > div').length"
CONSUMER = """
import { load, type Config, type EventName } from "@cobalt-link/link";
import { useCobaltLink } from "@cobalt-link/link/react";
const later: EventName = "an event of a later version";
const onSuccess = (publicToken: string) => publicToken;
const config: Config = { token: "lt_test_1", onSuccess, onExit: (error) => error?.code };
export const opened = load("https://link.example/init.js").then((link) => link.init(config).close());
export const hooked = () => useCobaltLink({ src: "https://link.example/init.js", ...config }).isReady && later;
// @ts-expect-error a token is a string
export const wrong: Config = { token: 7, onSuccess() {} };
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return await build(tmp_path_factory.mktemp("npm"))


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=[18, 19], ids=["React 18", "React 19"])
async def app_script(built: Built, request: pytest.FixtureRequest) -> str:
    return await bundled(built, (Path(__file__).parent / "app.jsx").read_text(), *needs_of(request.param))


def test_the_committed_scripts_are_what_the_sources_make(built: Built) -> None:
    for name in ("init.js", "link.js"):
        assert (built.static / name).read_bytes() == (STATIC / name).read_bytes(), f"{name}: run `make assets`"


@pytest.mark.usefixtures("client")
async def test_the_brotli_copy_of_a_file_has_the_same_content(page: Page, house: House) -> None:
    # Python has no brotli, so the browser decompresses. Unlike a build, this check needs no Node. It also fails for a
    # developer without Node who changed the style sheet.
    for name in ("init.js", "link.js", "link.css"):
        path = "/init.js" if name == "init.js" else assets.static_url(name)
        response = await page.goto(house.settings.public_url + path)
        assert response and response.headers["content-encoding"] == "br", name
        assert await response.body() == (STATIC / name).read_bytes(), f"{name}: run `make assets`"


async def test_the_style_sheet_as_it_is_written_costs_at_most_a_twentieth_of_the_first_view(built: Built) -> None:
    # docs/why/hosted-pages.md. In gzip the difference is larger than in brotli.
    minified = await run(built.tools / "esbuild", "--minify", STATIC / STYLE, cwd=built.client)
    others = sum(_compressed(assets.source(name)) for name in ("link.js", "link.svg"))
    smallest = others + min(_compressed(each.encode()) for each in gallery().values())
    written, built_size = _compressed(assets.source(STYLE)), _compressed(minified.encode())
    assert smallest + written <= 1.05 * (smallest + built_size)


def _compressed(body: bytes) -> int:
    return len(gzip.compress(body, 9))


def test_the_sdk_and_the_react_entry_stay_small(built: Built) -> None:
    react = b"".join((built.package / "dist" / name).read_bytes() for name in ("react.js", "index.js"))
    assert _compressed(assets.source("init.js")) <= SDK_MOST
    assert _compressed(react) <= REACT_MOST


def test_the_package_has_the_version_of_the_server() -> None:
    assert json.loads((CLIENT / "sdk" / "package.json").read_text())["version"] == assets.VERSION


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text())
    assert len(lock["packages"]) > 3
    assert not [name for name, each in lock["packages"].items() if "resolved" in each]
    assert not [name for name, each in lock["packages"].items() if name and "integrity" not in each]


async def test_the_sources_and_an_app_that_uses_the_types_pass_the_compiler(built: Built, tmp_path: Path) -> None:
    await run(built.tools / "tsc", "--noEmit", "-p", ".", cwd=built.client)
    (tmp_path / "node_modules" / "@cobalt-link").mkdir(parents=True)
    (tmp_path / "node_modules" / "@cobalt-link" / "link").symlink_to(built.package)
    (tmp_path / "consumer.ts").write_text(CONSUMER)
    strict = ("--strict", "--noEmit", "--target", "es2022", "--lib", "es2023,dom")
    for module, resolution in (("esnext", "bundler"), ("node16", "node16")):
        modes = ("--module", module, "--moduleResolution", resolution)
        (tmp_path / "package.json").write_text('{"type": "module"}')
        await run(built.tools / "tsc", *strict, *modes, "consumer.ts", cwd=tmp_path)


async def test_an_app_that_installs_the_package_has_one_react(built: Built) -> None:
    source = 'import { useCobaltLink } from "@cobalt-link/link/react"; import React from "react"; useCobaltLink(React);'
    for react in (16, 19):
        script = await bundled(built, source, *needs_of(react))
        folder = await installed(built, *needs_of(react))
        versions = [json.loads(each.read_text())["version"] for each in folder.rglob("react/package.json")]
        assert [each.split(".")[0] for each in versions] == [str(react)]
        assert len(re.findall(r"react/cjs/react\.development\.js\n", script)) == 1, react
    # Neither does one that links to the folder, as npm does for a folder: there is no React beside the package.
    assert not (built.client / "node_modules" / "react").exists()


async def test_an_app_without_react_installs_nothing_else(built: Built) -> None:
    await bundled(built, 'import { load } from "@cobalt-link/link"; load("/init.js");')
    folder = await installed(built)
    assert [each.parent.name for each in (folder / "node_modules").rglob("package.json")] == ["link"]


LOADED = """import { load } from "@cobalt-link/link";
window.tried = (src) => load(src).then((link) => typeof link.init, (error) => error.message);"""


async def test_load_works_in_hostile_pages_and_says_what_is_wrong(
    built: Built, site: Site, house: House, page: Page, app: Shop
) -> None:
    link = house.settings.public_url
    site.put("/loads.js", await bundled(built, LOADED))
    html = '<!doctype html><p id="CobaltLink">{more}</p><script src="/loads.js"></script>'
    policy = f"script-src 'self' {link}; frame-src {link}; require-trusted-types-for 'script'"
    found = {}
    for name, more, csp in [
        ("plain", "", "script-src *"),
        ("trusted types", "", policy),
        ("named policies", "", f"{policy}; trusted-types app cobalt-link"),
        ("other policies", "", f"{policy}; trusted-types app"),
        ("no script-src", "", "script-src 'self'"),
        ("its own tag", f'<script async src="{link}/init.js"></script>', "script-src *"),
        ("its own tag that fails", f'<script src="{link}/init.js"></script>', "script-src 'self'"),
    ]:
        site.put("/loads", html.format(more=more), Content_Security_Policy=csp)
        await page.goto(f"{site.address}/loads")
        found[name] = await page.evaluate("src => tried(src)", f"{link}/init.js")
        if name == "trusted types":
            await page.evaluate("token => void CobaltLink.init({ token, onSuccess() {} })", await app.link_token())
            await Lightbox(page).at("consent")
    right = ("plain", "trusted types", "named policies", "its own tag")
    assert {name: found.pop(name) for name in right} == dict.fromkeys(right, "function")
    assert "cobalt-link" in found.pop("other policies")
    assert all(each.startswith(f"{link}/init.js did not load:") for each in found.values()), found


@pytest.fixture
def react(site: Site, house: House, app: Shop, visit: Opener, app_script: str) -> ReactOpener:
    """`await react("hook")` opens the React app. app.jsx says what else it can do."""
    site.put("/app.js", app_script)
    site.put("/react", PAGE.format(more=""))
    site.put("/preloaded", PAGE.format(more=f'<script src="{house.settings.public_url}/init.js"></script>'))

    async def opened(how: str, path: str = "/react") -> Lightbox:
        token = await app.link_token(user_id=f"{how} {path}")
        return await visit(f"{path}?as={how}&link={house.settings.public_url}", token=token)

    return opened


async def test_a_react_app_opens_link_at_a_click(react: ReactOpener, app: Shop) -> None:
    box = await react("hook")
    await box.launch()
    await box.at("consent")
    await box.page.evaluate("again()")  # a new render, with new callbacks
    await box.sign_in()
    [[_, public_token, renders]] = await box.called("success")
    assert renders == 1
    assert (await app.exchange(public_token)).json()["success"] is True
    assert await box.page.locator("script[src$='/init.js']").count() == 1
    await box.page.evaluate("link.close()")
    assert await box.page.evaluate(FRAMES) == 0
    assert await box.log("exit") == []


async def test_strict_mode_opens_link_once_and_keeps_it_open(react: ReactOpener) -> None:
    for how, path in (("auto", "/react"), ("auto", "/preloaded"), ("eager", "/preloaded")):
        box = await react(how, path)
        await box.sign_in()
        assert len(await box.called("success")) == 1, (how, path)
        assert await box.log("exit") == [], (how, path)
        assert await box.log("load") == [["load"]], (how, path)
        assert await box.page.evaluate(FRAMES) == 1, (how, path)


async def test_link_closes_when_its_component_unmounts(react: ReactOpener) -> None:
    box = await react("auto")
    await box.at("consent")
    await box.page.evaluate("show(false)")
    await box.is_gone()
    assert [each[1] for each in await box.called("exit")] == [None]


async def test_the_hook_reports_a_script_that_does_not_load(react: ReactOpener) -> None:
    box = await react("hook")
    await box.page.context.route(re.compile(r"/init\.js$"), lambda route: route.abort())
    await box.page.reload()
    await box.page.get_by_role("button", name="error").wait_for()
    assert await box.page.locator("#go").is_disabled()


async def test_the_pattern_in_the_contract_loads_the_script_once(react: ReactOpener) -> None:
    box = await react("contract")
    assert await box.page.locator("script[src$='/init.js']").count() == 1
    await box.page.locator("#go").first.click()
    await box.sign_in()
    assert len(await box.called("success")) == 1


async def test_the_react_sample_of_the_docs_opens_link(
    built: Built, site: Site, house: House, app: Shop, page: Page
) -> None:
    source = sample("react").replace("https://link.example.com", house.settings.public_url)
    mount = """
import { createRoot } from "react-dom/client";
const token = location.hash.slice(1);
createRoot(document.getElementById("root")).render(
  <LinkButton token={token} onSuccess={(publicToken) => (document.title = publicToken)} />);
"""
    site.put("/app.js", await bundled(built, source + mount, *needs_of(19)))
    site.put("/react", PAGE.format(more=""))
    await page.goto(f"{site.address}/react#{await app.link_token()}")
    await page.get_by_role("button", name="Link account").click()
    await Lightbox(page).sign_in()
    await page.wait_for_function("document.title.startsWith('pt_test_')")
