"""`cobalt connectors`: the EHRs that can be linked, and the judge of their folders."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.answers import say, table
from cobalt_link.cli.opening import HERE, Where

app = App(name="connectors", help="The EHRs that can be linked: list, check.")


@app.command(name="list")
def list_(*, where: Where = HERE) -> None:
    """List the EHRs that can be linked, by the names that emr_name may hold."""
    from cobalt_link.app import connector_classes

    found = [each.manifest for each in connector_classes().values()]
    rows = [(each.key, each.name, each.aliases, each.summary) for each in found]
    value = [
        {"key": each.key, "name": each.name, "aliases": each.aliases, "reads": sorted(each.reads)} for each in found
    ]
    say(where.json, {"connectors": value}, table(("key", "name", "also", "what it is"), rows))


@app.command
def check(
    *names: Annotated[str, Parameter(help="Keys of connectors; none means all.")],
    where: Where = HERE,
) -> None:
    """Judge connectors: manifest, texts, declared capabilities, story under forced replay, no secret left behind."""
    from cobalt_link import app as wiring

    wiring.check_connectors(list(names))
