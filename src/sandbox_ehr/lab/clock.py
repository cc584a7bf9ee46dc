"""The EHR's own clock. A test can shift it or stop it."""

import time

import msgspec


class ClockState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`offset` is added to real time, in seconds. `frozen_at` (seconds since 1970) stops the clock there."""

    offset: float = 0
    frozen_at: float | None = None


class Clock:
    def __init__(self) -> None:
        self.state = ClockState()

    def now(self) -> float:
        """Seconds since 1970 by this clock."""
        if self.state.frozen_at is not None:
            return self.state.frozen_at
        return time.time() + self.state.offset

    def move_to(self, now: float, *, frozen: bool) -> ClockState:
        self.state = ClockState(frozen_at=now) if frozen else ClockState(offset=now - time.time())
        return self.state
