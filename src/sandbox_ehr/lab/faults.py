"""The fault switches: what goes wrong on purpose, and for which requests."""

from typing import Literal

import msgspec

from sandbox_ehr.lab.oddities import Oddities


class Faults(Oddities, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """If several switches are on, the first one that answers the request wins. `slow_ms` goes with any other.

    `only_path` limits the faults to paths that start with it. `times` limits them to the next so many requests;
    null means until somebody changes them. The switches with `write` in their name meet only requests that write into
    the chart, and only those count then.
    """

    slow_ms: int = 0
    hang: bool = False
    down: bool = False
    http_500: bool = False
    garbage: bool = False
    busy: bool = False
    drop_sessions: bool = False
    lose_answer: bool = False
    write_slow_ms: int = 0
    write_error_although_done: bool = False
    write_done_although_not: bool = False
    write_empty_201: bool = False
    hold_writes: Literal["", "before", "after"] = ""
    only_path: str = ""
    times: int | None = None

    def of_request(self, path: str) -> "Faults":
        """The switches that meet any request to this path."""
        return self._switches(path, writing=False)

    def of_write(self, path: str) -> "Faults":
        """The switches that meet a request to this path as it writes into the chart."""
        return self._switches(path, writing=True)

    def counted_down(self) -> "Faults":
        return self if self.times is None else msgspec.structs.replace(self, times=self.times - 1)

    def _switches(self, path: str, *, writing: bool) -> "Faults":
        if not path.startswith(self.only_path) or self.times == 0:
            return Faults()
        on = {
            name: value
            for name, value in msgspec.structs.asdict(self).items()
            if ("write" in name) is writing and name not in ("only_path", "times")
        }
        return Faults(**on)
