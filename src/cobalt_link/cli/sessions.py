"""`cobalt sessions`: one link session, step by step, without secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from cyclopts import App, Parameter

from cobalt_link.cli.output import fields, say, table
from cobalt_link.cli.installation import HERE, Where

app = App(name="sessions", help="One link session, step by step, without secrets: show.")


@app.command
def show(
    session: Annotated[str, Parameter(help="Id of the link session, or the reference that its pages show.")],
    /,
    *,
    where: Where = HERE,
) -> None:
    """Show a link session's journal: every pane and step with its time. It holds no secret."""
    from cobalt_link import app as wiring

    found = wiring.show_session(where.settings(), session)
    say(where.json, found, _text(found))


def _text(found: dict[str, Any]) -> str:
    plain = [(name, value) for name, value in found.items() if not isinstance(value, list)]
    journal = [(row["n"], row["kind"], row["name"], row["state"], _at(row["began_at"]), _at(row["ended_at"]))
               for row in found["journal"]]  # fmt: skip
    events = [(row["seq"], row["name"], row["pane"], row["code"], _at(row["at"])) for row in found["events"]]
    return "\n\n".join(
        (
            fields(plain),
            table(("n", "kind", "name", "state", "began", "ended"), journal),
            table(("event", "name", "pane", "code", "at"), events),
        )
    )


def _at(moment: datetime | None) -> str | None:
    """To the millisecond: what took long is what one looks for."""
    return moment.strftime("%H:%M:%S.%f")[:-3] if moment else None
