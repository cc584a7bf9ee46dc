"""How many deliveries run at once in this process, for each endpoint and each client (S-072).

An endpoint that answers quickly gets more at once, one that is slow or fails gets one. All that fail share a quarter of
the whole, so a process always has room for those that work.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

MOST: Final = 160  # deliveries at once in a process, fewer than the connections of its HTTP client
NEW: Final = 4  # of an endpoint that this process does not know
WIDEST: Final = 32
OF_CLIENT: Final = MOST // 2
OF_FAILING: Final = MOST // 4
QUICK: Final = 1000  # milliseconds
MOST_KNOWN: Final = 1_000  # endpoints


class Lanes:
    """`begin` and `end` stand around each delivery."""

    def __init__(self) -> None:
        self._widths: dict[str, int] = {}
        self._of_endpoint: Counter[str] = Counter()
        self._of_client: Counter[str] = Counter()
        self._failing = 0

    @property
    def free(self) -> int:
        return MOST - self._of_endpoint.total()

    @property
    def takes_failing(self) -> bool:
        return self._failing < OF_FAILING

    def busy(self) -> list[str]:
        """Clients that have their share."""
        return [client for client, count in self._of_client.items() if count >= OF_CLIENT]

    def rooms(self) -> dict[str, int]:
        """For each endpoint that this process knows, how many more it can take."""
        known = self._widths.keys() | self._of_endpoint.keys()
        return {each: max(0, self._width(each) - self._of_endpoint[each]) for each in known}

    def begin(self, endpoint: str, client: str, *, failing: bool) -> None:
        self._of_endpoint[endpoint] += 1
        self._of_client[client] += 1
        self._failing += failing

    def end(self, endpoint: str, client: str, *, failing: bool, well: bool) -> None:
        """`well`: it was delivered, and quickly."""
        for counter, key in ((self._of_endpoint, endpoint), (self._of_client, client)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
        self._failing -= failing
        if len(self._widths) >= MOST_KNOWN:
            self._widths.clear()
        self._widths[endpoint] = min(WIDEST, self._width(endpoint) * 2) if well else 1

    def _width(self, endpoint: str) -> int:
        return self._widths.get(endpoint, NEW)
