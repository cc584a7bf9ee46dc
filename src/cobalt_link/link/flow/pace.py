"""How often EHRs are polled: soon at first, then less often, and never so often that a crowd uses up anything.

One session is polled at least every two seconds. When many wait, the polls of one process stay below a rate: in all, at
one EHR instance, and for one login there. So whoever opens many sessions with one login slows down only that login.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec

LONGEST = 2.0  # seconds between two polls, unless the EHR wants more or a crowd waits
GROWTH = 1.1  # each pause is so much longer than the one before
PATIENT = 300.0  # seconds: most approvals have expired then, and the page may have been left
AFTERWARDS = 4  # times as long are the pauses from then on
MOST = 60.0  # seconds
PER_SECOND = 1000.0  # polls of one process
AT_ONE_EHR = 500.0
OF_ONE_LOGIN = 4.0
AT_ONCE = 64
AT_ONCE_AT_ONE_EHR = 24  # of the 40 requests that one server gets at once
NO_PLACE, NO_PLACE_AGAIN = 0.1, 0.5  # seconds until a poll for which there was no place is tried again
SMOOTHING = 0.1  # how much the latest poll says about how long polls take
SLOW = 0.5  # seconds. What is quicker says nothing about the EHR: a crowd of polls delays each other that much here


class PolledLogin(msgspec.Struct, frozen=True, kw_only=True):
    """What is polled for. `lane` is the EHR instance, `login` the user there. `every` is the shortest pause."""

    lane: str
    login: str
    every: float


class _EhrInstance(msgspec.Struct):
    waits: int = 0
    running: int = 0
    seconds: float = 0.0  # that a poll takes


class PollPace:
    """Counts what waits in this process and which polls run. Knows no clock and no database."""

    def __init__(self) -> None:
        self._waits = 0
        self._running = 0
        self._instances: defaultdict[str, _EhrInstance] = defaultdict(_EhrInstance)
        self._logins: Counter[tuple[str, str]] = Counter()

    def add(self, wait: PolledLogin) -> None:
        self._waits += 1
        self._instances[wait.lane].waits += 1
        self._logins[wait.lane, wait.login] += 1

    def remove(self, wait: PolledLogin) -> None:
        self._waits -= 1
        self._instances[wait.lane].waits -= 1
        self._logins[wait.lane, wait.login] -= 1
        if not self._logins[wait.lane, wait.login]:
            del self._logins[wait.lane, wait.login]
        self._forget(wait.lane)

    def pause(self, wait: PolledLogin, polls: int, waited: float) -> float:
        """Seconds until the next poll, after so many polls and so many seconds."""
        # Beyond a hundred polls the pause has long been at its longest, and the power would overflow.
        alone = max(wait.every, min(wait.every * GROWTH ** min(polls, 100), LONGEST))
        if waited > PATIENT:
            alone *= AFTERWARDS
        return min(max(alone, self._crowd(wait)), max(MOST, wait.every))

    @staticmethod
    def pause_without_place(times: int) -> float:
        """Seconds until a poll is tried again for which there was no place so many times in a row."""
        return min(NO_PLACE * 2.0 ** min(times - 1, 10), NO_PLACE_AGAIN)

    def begin(self, wait: PolledLogin) -> bool:
        """Takes a place for one poll. False if none is free: try again after `pause_without_place`."""
        instance = self._instances[wait.lane]
        if self._running >= AT_ONCE or instance.running >= AT_ONCE_AT_ONE_EHR:
            return False
        self._running += 1
        instance.running += 1
        return True

    def end(self, wait: PolledLogin, seconds: float) -> None:
        """Gives the place back. `seconds` is how long the poll took."""
        self._running -= 1
        instance = self._instances[wait.lane]
        instance.running -= 1
        instance.seconds += (seconds - instance.seconds) * SMOOTHING
        self._forget(wait.lane)

    def _forget(self, lane: str) -> None:
        # A poll may still run for a wait that was removed.
        if not self._instances[lane].waits and not self._instances[lane].running:
            del self._instances[lane]

    def _crowd(self, wait: PolledLogin) -> float:
        """The pause that keeps all rates. An EHR that answers slowly is asked less often."""
        instance = self._instances[wait.lane]
        slow = instance.seconds if instance.seconds > SLOW else 0.0
        return max(
            self._waits / PER_SECOND,
            instance.waits * max(1 / AT_ONE_EHR, slow / AT_ONCE_AT_ONE_EHR),
            self._logins[wait.lane, wait.login] / OF_ONE_LOGIN,
        )
