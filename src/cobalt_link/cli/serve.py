"""`cobalt serve`, `worker` and `demo`: the long-running programs. `app` joins their parts."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import print_result
from cobalt_link.settings import Settings
from cobalt_link.vault.master_key import open_keyring


@Parameter(name="*")
@dataclass(frozen=True)
class DemoOptions(CommonOptions):
    """The demo does not touch the data of a real installation."""

    data: Annotated[Path | None, Parameter(help="Data folder. The default is COBALT_DATA, or ~/.cobalt-demo.")] = None


DEMO_DEFAULTS = DemoOptions()
Host = Annotated[str | None, Parameter(help="Address to listen on. The default is 127.0.0.1.")]
Port = Annotated[int | None, Parameter(help="Port to listen on. The default is 8420.")]
DEMO_DATA = Path("~/.cobalt-demo")
PublicUrl = Annotated[str | None, Parameter(help="Address at which browsers reach the server.")]


def serve(
    *, host: Host = None, port: Port = None, public_url: PublicUrl = None, options: CommonOptions = DEFAULTS
) -> None:
    """Run the server with its worker in one process. Applies missing migrations."""
    settings = _prepare(options, host=host, port=port, public_url=public_url)
    from cobalt_link import app

    def ready() -> None:
        print_result(options.json, {"url": settings.public_url}, f"Cobalt Link answers at {settings.public_url}")

    with port_errors_explained(settings.host, settings.port):
        app.serve(settings, ready)


def worker(*, options: CommonOptions = DEFAULTS) -> None:
    """Run a separate worker, next to any number of servers on the same database."""
    settings = _prepare(options)
    from cobalt_link import app

    app.work(settings)


def demo(
    *,
    host: Host = None,
    port: Port = None,
    scribe_port: Annotated[int, Parameter(help="Port of the example app.")] = 8421,
    sandbox_port: Annotated[int, Parameter(help="Port of the sandbox EHR.")] = 8422,
    options: DemoOptions = DEMO_DEFAULTS,
) -> None:
    """Run everything with defaults: server, worker, sandbox EHR and an example app to try."""
    from cobalt_link.cli.demo import run
    from cobalt_link.web import server

    given = {"host": host, "port": port, "allow_private_networks": True}
    settings = options.settings(**given)
    if settings.origins["data"] == "default":
        settings = options.settings(**given, data=DEMO_DATA)
    with port_errors_explained(settings.host, settings.port):
        server.run(run(settings, scribe_port=scribe_port, sandbox_port=sandbox_port, json=options.json))


def _prepare(options: CommonOptions, **flags: Any) -> Settings:
    """The settings, after the log is configured, core dumps are forbidden, and the master key is checked."""
    from cobalt_link.kit.core_dumps import forbid_core_dumps
    from cobalt_link.kit.logs import configure_logging

    forbid_core_dumps()
    settings = options.settings(**flags)
    configure_logging(settings.log_json, settings.log_level)
    open_keyring(settings)
    return settings


@contextmanager
def port_errors_explained(host: str, port: int) -> Iterator[None]:
    """Raises `Failure` if the port is taken or not allowed. Other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise
        raise Failure(
            f"Cannot listen on port {port} of {host}: {error.strerror}. Use another --port or --host, or stop the"
            " program that uses it.",
            code="address_taken",
        ) from None
