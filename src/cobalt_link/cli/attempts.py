"""`cobalt attempts`: one try to link, step by step, without secrets."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.opening import HERE, Where

app = App(name="attempts", help="One try to link, step by step, without secrets: show.")


@app.command
def show(
    attempt: Annotated[str, Parameter(help="Id of the attempt, or the reference that its pages show.")],
    /,
    *,
    where: Where = HERE,
) -> None:
    """Show an attempt's journal: every pane and deed with its time; no secret is in it."""
    from cobalt_link import app as wiring

    wiring.show_attempt(where.settings(), attempt)
