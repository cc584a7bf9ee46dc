"""One module for each resource of the API. Each has the `ENDPOINTS` that its file stands for."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from cobalt_link.records.resource import ResourceRoute


def endpoints() -> list[ResourceRoute]:
    """Those of all modules in this folder, in the order of their names: a new file is a new resource."""
    names = sorted(each.name for each in iter_modules(__path__))
    return [endpoint for name in names for endpoint in import_module(f"{__name__}.{name}").ENDPOINTS]
