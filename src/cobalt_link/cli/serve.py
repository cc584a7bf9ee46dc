"""`cobalt serve`, `worker` and `demo`: the long-running programs; the wiring itself is `app`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cobalt_link.cli.output import say
from cobalt_link.cli.main import Failure
from cobalt_link.cli.installation import HERE, Where
from cobalt_link.settings import Settings
from cobalt_link.vault.master_key import open_keyring

Host = Annotated[str | None, Parameter(help="Address to listen on; default 127.0.0.1.")]
Port = Annotated[int | None, Parameter(help="Port to listen on; default 8420.")]
DEMO_DATA = Path("~/.cobalt-demo")
PublicUrl = Annotated[str | None, Parameter(help="Address under which browsers reach the server.")]


def serve(*, host: Host = None, port: Port = None, public_url: PublicUrl = None, where: Where = HERE) -> None:
    """Run the server with its worker in one process; creates and migrates the schema."""
    settings = _ready_to_run(where, host=host, port=port, public_url=public_url)
    from cobalt_link import app

    def ready() -> None:
        say(where.json, {"url": settings.public_url}, f"Cobalt Link answers at {settings.public_url}")

    with port_free(settings.host, settings.port):
        app.serve(settings, ready)


def worker(*, where: Where = HERE) -> None:
    """Run a worker of its own, beside any number of servers on the same database."""
    settings = _ready_to_run(where)
    from cobalt_link import app

    app.work(settings)


def demo(
    *,
    host: Host = None,
    port: Port = None,
    scribe_port: Annotated[int, Parameter(help="Port of the example app.")] = 8421,
    sandbox_port: Annotated[int, Parameter(help="Port of the sandbox EHR.")] = 8422,
    where: Where = HERE,
) -> None:
    """Run everything on embedded defaults: server, worker, sandbox EHR and an example app to click through.

    Its data rests in a folder of its own, ~/.cobalt-demo unless --data names another.
    """
    import asyncio

    from cobalt_link.cli.demo import run

    given = {"host": host, "port": port, "allow_private_networks": True}
    settings = where.settings(**given)
    if settings.origins["data"] == "default":
        settings = where.settings(**given, data=DEMO_DATA)
    with port_free(settings.host, settings.port):
        asyncio.run(run(settings, scribe_port=scribe_port, sandbox_port=sandbox_port, json=where.json))


def _ready_to_run(where: Where, **flags: Any) -> Settings:
    """Settings with the log as they say, and keys that can be used."""
    from cobalt_link.kit.logs import configure_logging

    settings = where.settings(**flags)
    configure_logging(settings.log_json, settings.log_level)
    open_keyring(settings)
    return settings


@contextmanager
def port_free(host: str, port: int) -> Iterator[None]:
    """Tells "the port is taken" in words; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise
        raise Failure(
            f"Nothing can listen on port {port} of {host}: {error.strerror}. Give another --port or --host, or stop"
            " what uses it.",
            code="address_taken",
        ) from None
