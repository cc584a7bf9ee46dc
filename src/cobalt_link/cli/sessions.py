"""`cobalt sessions`: one link session, step by step, without secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.output import fields, print_result, table

app = App(name="sessions", help="One link session, step by step, without secrets: show.")


@app.command
def show(
    session: Annotated[str, Parameter(help="Id of the link session, or the reference that its pages show.")],
    /,
    *,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Show the journal of a link session: each pane and step with its time. It contains no secrets."""
    from cobalt_link import app as wiring

    found = wiring.show_session(options.settings(), session)
    print_result(options.json, found, _text(found))


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
    """The time with milliseconds, which show what took long."""
    return moment.strftime("%H:%M:%S.%f")[:-3] if moment else None
