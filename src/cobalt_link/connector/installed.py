"""The connectors that are installed, built in or brought by other packages; one that cannot be loaded is told, too."""

from __future__ import annotations

from importlib.metadata import entry_points

import msgspec

from cobalt_link.connector.connector import Connector

GROUP = "cobalt_link.connectors"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """One entry point: the connector's class, or why there is none."""

    name: str
    connector: type[Connector] | None = None
    trouble: str = ""


class ConnectorBroken(Exception):
    """An installed connector cannot be loaded; the text says which, why, and what to do."""


def classes() -> list[type[Connector]]:
    """The classes of all of them. Raises ConnectorBroken: accounts of a connector that is missing would all fail."""
    found = installed()
    for each in found:
        if each.connector is None:
            raise ConnectorBroken(
                f"The connector {each.name} cannot be loaded: {each.trouble}. Mend it (`cobalt connectors check "
                f"{each.name}`) or uninstall its package."
            )
    return [each.connector for each in found if each.connector]


def installed() -> list[Installed]:
    """All of them by name. Nothing is raised for a broken one: the judge tells it, and the others are judged."""
    return sorted(map(_loaded, entry_points(group=GROUP)), key=lambda each: each.name)


def _loaded(point: object) -> Installed:
    name = str(getattr(point, "name", ""))
    try:
        connector = point.load()  # type: ignore[attr-defined]
    except Exception as error:
        return Installed(name=name, trouble=f"{type(error).__name__}: {error}")
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        return Installed(name=name, trouble="it is no subclass of cobalt_link.connector.connector.Connector")
    return Installed(name=name, connector=connector)
