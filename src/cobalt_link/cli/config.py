"""`cobalt config`: every setting, its value and where that came from; secrets masked."""

from __future__ import annotations

from cobalt_link.cli.output import say, table
from cobalt_link.cli.installation import HERE, Where
from cobalt_link.settings import NAMES


def config(*, where: Where = HERE) -> None:
    """Show every setting, its value and where that came from; secrets are masked."""
    rows = where.settings().shown()
    value = {name: {"value": text, "origin": origin, "help": NAMES[name].help} for name, text, origin in rows}
    say(where.json, {"settings": value}, table(("setting", "value", "from"), rows))
