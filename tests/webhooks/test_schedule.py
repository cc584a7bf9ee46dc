"""What follows from each answer, in virtual time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

from cobalt_link.webhooks.lanes import MOST, NEW, OF_CLIENT, OF_FAILING, WIDEST, Lanes
from cobalt_link.webhooks.schedule import DELAYS, Answer, consequence_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MINUTE, HOUR = 60, 3600
WAITS = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]


def answer(status: int | None, retry_after: str | None = None, at: datetime = NOW) -> Answer:
    error = None if status else "timed_out"
    return Answer(at=at, milliseconds=1, status=status, error=error, retry_after=retry_after)


# S-068
def test_ten_attempts_over_more_than_three_days_with_up_to_a_tenth_of_jitter() -> None:
    chance, first_waits = random.Random(68), set()
    for _ in range(200):
        at, made = NOW, [NOW]
        while due := consequence_of(answer(500, at=at), len(made) - 1, chance.random).due_at:
            at = due
            made.append(at)
        assert len(made) == 10
        for (before, after), seconds in zip(pairwise(made), WAITS, strict=True):
            assert seconds <= (after - before).total_seconds() <= seconds * 1.1
        assert timedelta(hours=75, minutes=35) <= made[-1] - made[0] <= timedelta(hours=84)
        first_waits.add(made[1])
    assert len(first_waits) > 150  # a crowd that failed together does not come back together


# S-069: status, Retry-After, tried again, the pause of the endpoint in seconds, gone.
def test_each_status_has_its_consequence() -> None:
    later, past = format_datetime(NOW + timedelta(seconds=90), usegmt=True), "Wed, 04 Mar 2020 05:06:07 GMT"
    table: list[tuple[int | None, str | None, bool, int | None, bool]] = [
        *((status, None, False, None, False) for status in (200, 201, 202, 203, 204, 205, 206, 208, 226, 299)),
        (200, "60", False, None, False),
        *((status, None, True, None, False) for status in (300, 301, 302, 303, 304, 305, 307, 308)),
        *((status, None, False, None, False) for status in (400, 401, 402, 403, 404, 405, 406, 409, 411, 413, 415)),
        *((status, None, False, None, False) for status in (418, 422, 425, 451, 499)),
        (408, None, True, None, False),
        (410, None, False, None, True),
        (410, "60", False, None, True),
        *((status, None, True, 5, False) for status in (429, 502, 504)),
        *((status, None, True, None, False) for status in (500, 501, 503, 505, 507, 520, 599, None)),
        (503, "90", True, 90, False),
        (429, "90", True, 90, False),
        (502, later, True, 90, False),
        (429, past, True, 5, False),
        (429, "soon", True, 5, False),
        (429, "999999999999999", True, 24 * HOUR, False),
        (404, "90", False, None, False),
    ]
    assert len(table) >= 40
    for status, retry_after, again, pause, gone in table:
        found = consequence_of(answer(status, retry_after), 0, lambda: 0.0)
        case = (status, retry_after)
        assert found.delivered == (status is not None and 200 <= status < 300), case
        assert (found.due_at is not None) == again, case
        assert found.gone == gone, case
        assert found.pause == (NOW + timedelta(seconds=pause) if pause else None), case
        # Never sooner than the receiver asked for.
        assert found.due_at is None or found.due_at >= NOW + timedelta(seconds=max(5, pause or 0)), case
    assert consequence_of(answer(500), len(DELAYS)).due_at is None


# S-072
def test_a_process_keeps_room_for_receivers_that_answer() -> None:
    lanes = Lanes()
    for number in range(OF_FAILING):
        lanes.begin(f"failing-{number}", f"client-{number}", failing=True)
    assert not lanes.takes_failing and lanes.free == MOST - OF_FAILING
    lanes.end("failing-0", "client-0", failing=True, well=False)
    assert lanes.takes_failing and lanes.rooms()["failing-0"] == 1

    for _ in range(OF_CLIENT):
        lanes.begin("busy", "large client", failing=False)
    assert lanes.busy() == ["large client"]
    lanes.end("busy", "large client", failing=False, well=True)
    assert lanes.busy() == []

    widths = []
    for well in [True, True, True, True, True, False, True]:
        lanes.begin("one", "small client", failing=False)
        lanes.end("one", "small client", failing=False, well=well)
        widths.append(lanes.rooms()["one"])
    assert widths == [NEW * 2, NEW * 4, NEW * 8, WIDEST, WIDEST, 1, 2]
