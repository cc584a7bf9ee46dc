"""Rate limits: one token bucket per caller and rate class, in this process.

Each process counts by itself, so the limit of a cluster is the sum of its processes. Memory is bounded.
"""

import functools
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from cobalt_link.web.problems import RateLimited

MAX_BUCKETS = 50_000


class RateLimits:
    """Each bucket holds the requests of one minute and refills evenly. `off` allows everything (for benchmarks).

    `monotonic` returns seconds. Beyond `max_buckets`, the bucket that was used least recently is dropped.
    """

    def __init__(
        self, *, off: bool = False, monotonic: Callable[[], float] = time.monotonic, max_buckets: int = MAX_BUCKETS
    ) -> None:
        self.off = off
        self._monotonic = monotonic
        self._max = max_buckets
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, caller: str, rate: str, per_minute: int) -> None:
        """Takes one request from the caller's bucket. Raises `RateLimited` with the seconds to wait."""
        if self.off or per_minute <= 0:
            return
        now, key = self._monotonic(), (caller, rate)
        # Popped and put back, so that the order of the dict is the order of use.
        left, then = self._buckets.pop(key, (float(per_minute), now))
        left = min(per_minute, left + (now - then) * per_minute / 60)
        enough = left >= 1
        self._buckets[key] = (left - 1 if enough else left, now)
        if len(self._buckets) > self._max:
            self._buckets.popitem(last=False)
        if not enough:
            raise RateLimited.after(math.ceil((1 - left) * 60 / per_minute))


@functools.lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """The address to count by: an IPv4 address itself, an IPv6 address by its /64.

    An end site gets at least a /64 (RFC 6177), so one caller could use as many addresses as it likes.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    # A dual-stack socket shows IPv4 peers as ::ffff:192.0.2.1, which are all in one /64.
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
