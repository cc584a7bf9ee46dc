"""Reads that a connector declares at their methods, and not in its manifest: then a new read is one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cobalt_link.connector.models import READS

Method = TypeVar("Method", bound=Callable[..., object])
_FILTERS = "__filters_of_read__"


def reads(*filters: str) -> Callable[[Method], Method]:
    """Declares the capability that the method is called as, with the filters that the EHR applies itself."""

    def declare(method: Method) -> Method:
        if method.__name__ not in READS:
            raise TypeError(f"There is no read {method.__name__}. Reads: {', '.join(READS)}.")
        setattr(method, _FILTERS, filters)
        return method

    return declare


def declared(kind: type) -> dict[str, tuple[str, ...]]:
    """What the methods of a class and of its bases declare: the filters by capability."""
    found = {name: getattr(getattr(kind, name, None), _FILTERS, None) for name in READS}
    return {name: filters for name, filters in found.items() if filters is not None}
