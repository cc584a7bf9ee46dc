"""`cobalt serve`, `worker` and `demo`: the long-running programs; the wiring itself is `app`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from cobalt_link.cli.opening import HERE, Where
from cobalt_link.kit.master_key import open_keyring

Host = Annotated[str | None, Parameter(help="Address to listen on; default 127.0.0.1.")]
Port = Annotated[int | None, Parameter(help="Port to listen on; default 8420.")]
PublicUrl = Annotated[str | None, Parameter(help="Address under which browsers reach the server.")]


def serve(*, host: Host = None, port: Port = None, public_url: PublicUrl = None, where: Where = HERE) -> None:
    """Run the server with its worker in one process; creates and migrates the schema."""
    settings = where.settings(host=host, port=port, public_url=public_url)
    open_keyring(settings)
    from cobalt_link import app

    app.serve(settings)


def worker(*, where: Where = HERE) -> None:
    """Run a worker of its own, beside any number of servers on the same database."""
    settings = where.settings()
    open_keyring(settings)
    from cobalt_link import app

    app.work(settings)


def demo(*, host: Host = None, port: Port = None, where: Where = HERE) -> None:
    """Run everything on embedded defaults: server, worker, sandbox EHR and an example app to click through."""
    from cobalt_link import app

    app.demo(where.settings(host=host, port=port, allow_private_networks=True))
