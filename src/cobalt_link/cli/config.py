"""`cobalt config`: every setting, its value, and where the value came from."""

from __future__ import annotations

from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.output import print_result, table
from cobalt_link.settings import NAMES


def config(*, options: CommonOptions = DEFAULTS) -> None:
    """Show every setting, its value, and where the value came from. Secrets are masked."""
    rows = options.settings().shown()
    value = {name: {"value": text, "origin": origin, "help": NAMES[name].help} for name, text, origin in rows}
    print_result(options.json, {"settings": value}, table(("setting", "value", "from"), rows))
