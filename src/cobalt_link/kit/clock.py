"""The clock for everything that expires.

Rooms use a `Clock` and never the system time, so that a test can move the time instead of waiting.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Gives the time as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class MovedClock:
    """The time of this machine plus `offset`, for tests in one process."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move(self, by: timedelta) -> None:
        self.offset += by


class FileClock:
    """The time of this machine plus the seconds in a file, for tests in which several processes share a moved clock.

    An absent or empty file means no offset. Other text that is not a number raises ValueError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._offset())

    def _offset(self) -> float:
        try:
            return float(self.path.read_text().strip() or 0)
        except FileNotFoundError:
            return 0.0
        except ValueError:
            raise ValueError(f"{self.path} must hold the clock's offset in seconds, such as 3600") from None
