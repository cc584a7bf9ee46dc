"""What a connector can read, one small protocol per capability. The manifest declares them under `[reads]`, or
the method with `@reads(…)`.

A method either returns a list or yields its records (an async generator): then the first of 20,000 appointments is
worked on before the last one has arrived.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.grant import Renewed
from cobalt_link.connector.models import READS, Capability
from cobalt_link.connector.models.reading import listed, streamed


@runtime_checkable
class RenewsSessions(Protocol):
    """Optional, and not declared. Tried before the saved password is used again."""

    async def renew(self, chart: Chart) -> Renewed | None:
        """A fresh session from the old one, by a refresh token or a keep-alive call. No password, no code.

        None or a refusal such as `SessionEnded`: sign in again with the saved answers. `EhrDown` and `EhrBusy` wait.
        `LoginRequired`: the grant is gone and no saved answer brings it back, so the user has to sign in.
        """
        ...


PROTOCOLS: Mapping[Capability, type] = {capability: read.protocol for capability, read in READS.items()}
"""The protocol of each capability."""

OPTIONAL: Mapping[str, tuple[Capability, type]] = {
    method: (capability, protocol) for capability, read in READS.items() for method, protocol in read.optional.items()
}
"""Methods that a capability may have beside its own."""

FILTERS: Mapping[Capability, frozenset[str]] = {capability: read.filters for capability, read in READS.items()}
"""The filters that a manifest can declare, by capability."""


def mismatches(connector: type, declared: Iterable[Capability]) -> Iterator[tuple[str, str]]:
    """What a class lacks of the capabilities that its manifest declares, and the methods whose shape does not fit.

    Each as the capability that is declared ("" for an optional method) and a sentence that says what to do.
    """
    for capability in declared:
        for method in _methods(PROTOCOLS[capability]):
            if not callable(getattr(connector, method, None)):
                yield capability, f"[reads] declares {capability}, but the class has no method `{method}`. Write it."
            else:
                yield from ((capability, text) for text in _unfit(connector, PROTOCOLS[capability], method))
    for protocol in (*(each for _, each in OPTIONAL.values()), RenewsSessions):
        for method in _methods(protocol):
            if hasattr(connector, method):
                yield from (("", text) for text in _unfit(connector, protocol, method))


def undeclared(connector: type, declared: Iterable[Capability]) -> Iterator[tuple[str, Capability]]:
    """Methods that are never called, each with the capability to declare for it."""
    wanted = set(declared)
    for capability, protocol in PROTOCOLS.items():
        names = [*_methods(protocol), *(name for name, (one, _) in OPTIONAL.items() if one == capability)]
        yield from ((name, capability) for name in names if capability not in wanted and hasattr(connector, name))


def _methods(protocol: type) -> list[str]:
    return [name for name, each in vars(protocol).items() if inspect.isfunction(each) and not name.startswith("_")]


def _unfit(connector: type, protocol: type, method: str) -> Iterator[str]:
    found = getattr(connector, method)
    wanted = list(inspect.signature(getattr(protocol, method)).parameters)
    try:
        inspect.signature(found).bind(*wanted)
    except TypeError:
        yield f"`{method}` must take ({', '.join(wanted)})."
        return
    if not (inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found)):
        yield f"`{method}` must be an `async def`."


__all__ = [
    "FILTERS",
    "OPTIONAL",
    "PROTOCOLS",
    "READS",
    "Capability",
    "RenewsSessions",
    "listed",
    "mismatches",
    "streamed",
    "undeclared",
]
