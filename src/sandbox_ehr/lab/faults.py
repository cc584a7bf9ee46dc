"""The fault switches: what goes wrong on purpose, and for which requests."""

import msgspec


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """If several switches are on, the first one that answers the request wins. `slow_ms` goes with any other.

    `only_path` limits the faults to paths that start with it. `times` limits them to the next so many requests;
    null means until somebody changes them.
    """

    slow_ms: int = 0
    hang: bool = False
    down: bool = False
    http_500: bool = False
    garbage: bool = False
    busy: bool = False
    drop_sessions: bool = False
    lose_answer: bool = False
    only_path: str = ""
    times: int | None = None

    def apply_to(self, path: str) -> bool:
        return path.startswith(self.only_path) and self.times != 0

    def counted_down(self) -> "Faults":
        return self if self.times is None else msgspec.structs.replace(self, times=self.times - 1)
