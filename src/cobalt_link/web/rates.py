"""How often a caller may ask: one token bucket per caller and rate class, in this process.

Several processes each keep their own count, so the limit of a cluster is the sum; memory is bounded.
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
    """Buckets that hold a minute's worth and refill evenly. `off` lets everything pass (for benchmarks).

    `monotonic` answers seconds; beyond `max_buckets` the callers that were silent longest are forgotten.
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
        """Take one request from the caller's bucket, or raise `RateLimited` with the seconds to wait."""
        if self.off or per_minute <= 0:
            return
        now, key = self._monotonic(), (caller, rate)
        left, then = self._buckets.pop(key, (float(per_minute), now))
        left = min(per_minute, left + (now - then) * per_minute / 60)
        enough = left >= 1
        self._buckets[key] = (left - 1 if enough else left, now)
        if len(self._buckets) > self._max:
            self._buckets.popitem(last=False)
        if not enough:
            raise RateLimited.after(math.ceil((1 - left) * 60 / per_minute))


@functools.lru_cache(maxsize=4096)
def neighbourhood(address: str) -> str:
    """The key of an address: itself, or the /64 of an IPv6 address, since one caller usually owns all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
