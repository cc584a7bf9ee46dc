"""`cobalt demo`: server, worker, sandbox EHR and an example app in one process.

It has a data folder of its own, which may be deleted. The first start creates the keys in it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from cobalt_link import app
from cobalt_link.cli.output import print_result
from cobalt_link.settings import Settings
from cobalt_link.vault import Keyring
from cobalt_link.web import server

SCRIBE = "Acme Scribe"
BUTTON = "Connect EHR"  # as it says on the page of the example app
LOGINS = (
    ("user_good", "signs in at once"),
    ("user_code", "is texted a code: 123456"),
    ("user_choice", "chooses how to get the code 123456"),
    ("user_push", "approves on a phone, which happens by itself after 3 seconds"),
    ("user_clinics", "chooses one of three clinics"),
    ("user_locked", "is locked out"),
    ("user_expired", "has to change the password first"),
)


async def run(settings: Settings, *, scribe_port: int, sandbox_port: int, json: bool) -> None:
    """Runs until the process gets SIGINT or SIGTERM."""
    from sandbox_ehr.server import running as sandbox_running

    _make_key(settings.master_key_path)
    async with sandbox_running(settings.host, sandbox_port, settings.data / "sandbox") as ehr:
        settings = msgspec.structs.replace(
            settings,
            ehr_addresses={"sandbox": ehr, **settings.ehr_addresses},
            operator=settings.operator or "this demo",
        )
        async with app.opened(settings) as house, app.working(house), app.serving(house):
            callback = f"http://{settings.host}:{scribe_port}/linked"
            async with _scribe(house, callback, scribe_port) as scribe:
                _announce(json, scribe, settings.public_url, ehr)
                await server.until_stopped()


@asynccontextmanager
async def _scribe(house: app.House, callback: str, port: int) -> AsyncIterator[str]:
    """The example app. It is a client of the API like any other."""
    from acme_scribe import create_app

    client_id, secret = await _client(house, callback, _origins(house.settings.host, port))
    url, host = house.settings.public_url, house.settings.host
    scribe = create_app(cobalt=url, link=url, client_id=client_id, client_secret=secret, emr_name="Sandbox EHR")
    async with server.serving(scribe, host, port):
        yield f"http://{host}:{port}"


def _origins(host: str, port: int) -> tuple[str, ...]:
    """The origins of the example app, which opens Link in its own page."""
    names = dict.fromkeys((host, "localhost" if host == "127.0.0.1" else host))
    return tuple(f"http://{name}:{port}" for name in names)


async def _client(house: app.House, callback: str, origins: tuple[str, ...]) -> tuple[str, str]:
    """The client of Acme Scribe, with a new secret for this run. The secret of the last run ends."""
    from datetime import timedelta

    clients = house.developers.clients
    known = next((each for each in await clients.all() if each.name == SCRIBE and each.test), None)
    if known is None:
        created, secret = await clients.create(SCRIBE, test=True, callback_urls=[callback], origins=origins)
        return created.client_id, secret
    await clients.update(known, callback_urls=(callback,), origins=origins)
    return known.client_id, await clients.rotate_secret(known, timedelta())


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        Keyring.generate().save(path)


def _announce(json: bool, scribe: str, link: str, ehr: str) -> None:
    logins = "\n".join(f"  {name:<13} {what}" for name, what in LOGINS)
    text = f"""
Cobalt Link is running. Open the example app and press "{BUTTON}":

  {scribe}      Acme Scribe, the example app
  {link}      Cobalt Link, its API and pages
  {ehr}      the sandbox EHR, with the same schedule

Sign in to the sandbox EHR as one of these users. The password is pass_good:

{logins}
  any name      with the password error_ehr_down, error_locked, … gets that error

Press Ctrl+C to stop everything.
"""
    print_result(json, {"scribe": scribe, "link": link, "sandbox": ehr, "password": "pass_good"}, text)
    sys.stdout.flush()
