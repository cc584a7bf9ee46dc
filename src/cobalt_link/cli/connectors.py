"""`cobalt connectors`: the EHRs that can be linked, and the judge of their folders."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.opening import HERE, Where

app = App(name="connectors", help="The EHRs that can be linked: list, check.")


@app.command
def check(
    *names: Annotated[str, Parameter(help="Keys of connectors; none means all.")],
    where: Where = HERE,
) -> None:
    """Judge connectors: manifest, texts, declared capabilities, story under forced replay, no secret left behind."""
    from cobalt_link import app as wiring

    wiring.check_connectors(list(names))
