"""How many calls of one client may wait for its own servers at once, in this process.

A name server or a receiver that never answers holds each call for 15 seconds. Without a limit, one client could hold
every look-up and every connection that the deliveries of others need (S-072).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cobalt_link.web.problems import RateLimited

CHECKS: Final = 32  # of a URL that is registered
TESTS: Final = 8
LATER: Final = 5  # seconds


class CallsAtOnce:
    """At most `most` of a client."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: Counter[str] = Counter()

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """Raises RateLimited."""
        if self._running[client] >= self._most:
            raise RateLimited.after(LATER)
        self._running[client] += 1
        try:
            yield
        finally:
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]
