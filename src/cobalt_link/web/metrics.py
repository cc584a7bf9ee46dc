"""Metrics for the operator's monitoring: counts and durations by route template.

Raw paths and unknown methods are never labels: anybody could create series without end.
"""

import functools

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one app. A room adds its own counters to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self._requests = Counter(
            "cobalt_http_requests", "HTTP requests answered.", (*labels, "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "cobalt_http_request_seconds", "Time to answer.", labels, buckets=BUCKETS, registry=self.registry
        )
        self._refused = Counter(
            "cobalt_http_refused", "Requests and connections refused before any handler.", ["code"],
            registry=self.registry,
        )  # fmt: skip
        ProcessCollector(registry=self.registry)
        # `labels()` takes a lock and builds a key each time. Methods, routes and statuses are few.
        self._series = functools.cache(self._labeled)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        count, times = self._series(method if method in METHODS else "OTHER", route, status)
        count.inc()
        times.observe(seconds)

    def refused(self, code: str) -> None:
        """Counts what the server refused by itself, such as `request_timeout`, or `gave_way` at a limit."""
        self._refused.labels(code).inc()

    def _labeled(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)
