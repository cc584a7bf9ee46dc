"""How often EHRs are polled: simulated, without a clock."""

from __future__ import annotations

import pytest

from cobalt_link.link.flow import pace
from cobalt_link.link.flow.pace import PolledLogin, PollPace

SOON = 3.0  # seconds in which an approval must be seen


def wait(lane: str = "https://ehr.example", login: str = "ann", every: float = 1.0) -> PolledLogin:
    return PolledLogin(lane=lane, login=login, every=every)


def crowd(count: int, **same: str) -> tuple[PollPace, list[PolledLogin]]:
    given = PollPace()
    each = ({"login": f"user-{n}", "lane": f"https://ehr-{n % 40}.example"} | same for n in range(count))
    waits = [PolledLogin(**names, every=1.0) for names in each]
    for each in waits:
        given.add(each)
    return given, waits


def per_second(given: PollPace, waits: list[PolledLogin], polls: int = 0) -> float:
    return sum(1 / given.pause(each, polls, 10.0) for each in waits)


def test_polls_begin_soon_and_an_approval_is_seen_in_time() -> None:
    given, (one,) = crowd(1)
    pauses = [given.pause(one, polls, 60.0) for polls in range(200)]
    assert pauses[0] == 1.0
    assert pauses == sorted(pauses) and pauses[-1] == pace.LONGEST < SOON


@pytest.mark.parametrize("every", [0.1, 2.0, 5.0, 30.0])
def test_an_ehr_is_never_asked_more_often_than_it_wants(every: float) -> None:
    given, one = PollPace(), wait(every=every)
    given.add(one)
    assert min(given.pause(one, polls, 10.0) for polls in range(200)) >= every


def test_a_session_that_waits_for_long_is_asked_for_less_often() -> None:
    given, (one,) = crowd(1)
    assert given.pause(one, 500, pace.PATIENT + 1) == pace.LONGEST * pace.AFTERWARDS


def test_a_thousand_users_at_one_ehr_are_seen_in_time() -> None:
    given, waits = crowd(1000, lane="https://ehr.example")
    assert max(given.pause(each, 100, 10.0) for each in waits) < SOON
    assert per_second(given, waits) <= pace.AT_ONE_EHR


def test_sessions_without_number_at_one_ehr_do_not_use_it_up() -> None:
    given, waits = crowd(5000, lane="https://ehr.example")
    assert per_second(given, waits) <= pace.AT_ONE_EHR * 1.01


def test_sessions_without_number_do_not_use_the_process_up() -> None:
    given, waits = crowd(5000)
    assert per_second(given, waits) <= pace.PER_SECOND * 1.01


def test_sessions_without_number_of_one_login_slow_down_only_that_login() -> None:
    given, waits = crowd(200, login="mallory", lane="https://ehr.example")
    other = wait(login="ann")
    given.add(other)
    assert per_second(given, waits) <= pace.OF_ONE_LOGIN * 1.01
    assert given.pause(other, 100, 10.0) == pace.LONGEST


def test_an_ehr_that_answers_slowly_is_asked_less_often() -> None:
    given, waits = crowd(100, lane="https://ehr.example")
    for _ in range(100):
        assert given.begin(waits[0])
        given.end(waits[0], 8.0)
    assert per_second(given, waits) * 8.0 <= pace.AT_ONCE_AT_ONE_EHR * 1.01
    elsewhere = wait(lane="https://other.example")
    given.add(elsewhere)
    assert given.pause(elsewhere, 100, 10.0) == pace.LONGEST


def test_polls_at_once_are_limited_at_one_ehr_and_in_all() -> None:
    given, waits = crowd(200)
    here = [each for each in waits if each.lane == waits[0].lane] * 10
    assert sum(given.begin(each) for each in here) == pace.AT_ONCE_AT_ONE_EHR
    assert sum(given.begin(each) for each in waits) == pace.AT_ONCE - pace.AT_ONCE_AT_ONE_EHR
    given.end(here[0], 0.1)
    assert given.begin(here[0])


def test_a_poll_without_a_place_is_tried_again_soon_and_a_crowd_of_them_costs_little() -> None:
    pauses = [PollPace.pause_without_place(times) for times in range(1, 2000)]
    assert pauses[0] == pace.NO_PLACE and pauses[-1] == max(pauses) == pace.NO_PLACE_AGAIN


def test_a_busy_process_is_not_taken_for_a_slow_ehr() -> None:
    given, waits = crowd(1000, lane="https://ehr.example")
    for n in range(1000):
        assert given.begin(waits[n])
        given.end(waits[n], 0.5 if n % 5 == 0 else 0.01)
    assert max(given.pause(each, 100, 10.0) for each in waits) < SOON


def test_nothing_is_remembered_of_what_has_ended() -> None:
    given, (one,) = crowd(1)
    assert given.begin(one)
    given.remove(one)
    given.end(one, 0.1)
    assert (given._waits, given._running, dict(given._instances), dict(given._logins)) == (0, 0, {}, {})
