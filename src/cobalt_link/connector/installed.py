"""The connectors that are installed: built in, or from other packages. One that cannot be loaded is listed too."""

from __future__ import annotations

from importlib.metadata import entry_points

import msgspec

from cobalt_link.connector.capabilities import mismatches
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.writing import undone

GROUP = "cobalt_link.connectors"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """One entry point: the connector's class, or why there is none."""

    name: str
    connector: type[Connector] | None = None
    trouble: str = ""


class ConnectorBroken(Exception):
    """An installed connector cannot be loaded; the text says which, why, and what to do."""


def classes() -> list[type[Connector]]:
    """The classes of all of them. Raises ConnectorBroken, because all accounts of a missing connector would fail."""
    found = installed()
    for each in found:
        if each.connector is None:
            raise ConnectorBroken(
                f"The connector {each.name} cannot be loaded: {each.trouble}. Fix it (`cobalt connectors check "
                f"{each.name}`) or uninstall its package."
            )
        # Checked here and not at the first read: a declared capability that is missing is the author's mistake.
        for _, text in mismatches(each.connector, each.connector.manifest.reads):
            raise ConnectorBroken(f"The connector {each.name} does not do what its manifest declares: {text}")
        for text in undone(each.connector.manifest.writes, each.connector.writings):
            raise ConnectorBroken(f"The connector {each.name} does not do what its manifest declares: {text}")
    return [each.connector for each in found if each.connector]


def installed() -> list[Installed]:
    """All of them by name. Raises nothing for a broken one: the check reports it and goes on with the others."""
    return sorted(map(_loaded, entry_points(group=GROUP)), key=lambda each: each.name)


def _loaded(point: object) -> Installed:
    name = str(getattr(point, "name", ""))
    try:
        connector = point.load()  # type: ignore[attr-defined]
    except Exception as error:
        return Installed(name=name, trouble=f"{type(error).__name__}: {error}")
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        return Installed(name=name, trouble="it is not a subclass of cobalt_link.connector.Connector")
    return Installed(name=name, connector=connector)
