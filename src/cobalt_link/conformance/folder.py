"""Loads a connector from a folder, as if its package were installed: for connectors that are being written."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from cobalt_link.connector import Connector
from cobalt_link.connector.installed import Installed


def connector_in(folder: Path, name: str) -> Installed:
    """The connector whose package `name` is in the folder. `trouble` of the result says why it cannot be loaded."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except Exception as error:
        return Installed(name=name, trouble=f"{type(error).__name__}: {error}")
    kinds = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Connector) and each.__module__.partition(".")[0] == name
    ]
    if not kinds:
        return Installed(name=name, trouble=f"{name}/__init__.py has no subclass of cobalt_link.connector.Connector")
    return Installed(name=name, connector=kinds[0])
