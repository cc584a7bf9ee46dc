"""The connectors that are installed, built in or brought by other packages; one that cannot be loaded is told, too."""

from __future__ import annotations

from importlib.metadata import entry_points

import msgspec

from cobalt_link.ehr.connector import Connector

GROUP = "cobalt_link.connectors"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One entry point: the connector's class, or why there is none."""

    name: str
    connector: type[Connector] | None = None
    trouble: str = ""


def installed() -> list[Found]:
    """All of them by name. Nothing is raised for a broken one: the judge tells it, and the others are judged."""
    return sorted(map(_loaded, entry_points(group=GROUP)), key=lambda each: each.name)


def _loaded(point: object) -> Found:
    name = str(getattr(point, "name", ""))
    try:
        connector = point.load()  # type: ignore[attr-defined]
    except Exception as error:
        return Found(name=name, trouble=f"{type(error).__name__}: {error}")
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        return Found(name=name, trouble="it is no subclass of cobalt_link.ehr.connector.Connector")
    return Found(name=name, connector=connector)
