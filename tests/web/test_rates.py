"""A caller gets its rate and no more, waits as long as told and no longer, and nobody fills the memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobalt_link.web.problems import RateLimited
from cobalt_link.web.rates import RateLimits, address_key
from tests.support.proof import PROPERTY_EXAMPLES


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def passes(limits: RateLimits, caller: str = "a", per_minute: int = 60) -> bool:
    try:
        limits.take(caller, "read", per_minute)
    except RateLimited:
        return False
    return True


def test_a_burst_of_a_minutes_worth_passes_and_then_the_rate() -> None:
    clock = Seconds()
    limits = RateLimits(monotonic=clock)
    assert [passes(limits) for _ in range(61)] == [True] * 60 + [False]
    clock.now += 1
    assert [passes(limits), passes(limits)] == [True, False]


@settings(max_examples=PROPERTY_EXAMPLES.times)
@given(per_minute=st.integers(1, 5000), taken=st.integers(0, 200))
def test_whoever_waits_as_long_as_told_passes(per_minute: int, taken: int) -> None:
    clock = Seconds()
    limits = RateLimits(monotonic=clock)
    while passes(limits, per_minute=per_minute):
        pass
    clock.now += taken / 1000
    try:
        limits.take("a", "read", per_minute)
    except RateLimited as refused:
        wait = int(refused.headers["Retry-After"])
        assert 1 <= wait <= 60
        clock.now += wait
        assert passes(limits, per_minute=per_minute)


def test_callers_and_rate_classes_have_buckets_of_their_own() -> None:
    limits = RateLimits(monotonic=Seconds())
    limits.take("a", "read", 1)
    limits.take("a", "write", 1)
    limits.take("b", "read", 1)
    with pytest.raises(RateLimited):
        limits.take("a", "read", 1)


def test_off_and_a_rate_of_zero_let_everything_pass() -> None:
    assert all(passes(RateLimits(off=True), per_minute=1) for _ in range(100))
    limits = RateLimits()
    assert all(passes(limits, per_minute=0) for _ in range(100))
    assert len(limits) == 0


def test_memory_is_bounded_and_whoever_asks_is_not_forgotten() -> None:
    # S-147
    limits = RateLimits(monotonic=Seconds(), max_buckets=100)
    assert passes(limits, "busy", 2)
    assert passes(limits, "busy", 2)
    for number in range(10_000):
        passes(limits, f"caller {number}")
        if number % 50 == 0:
            assert not passes(limits, "busy", 2)
    assert len(limits) == 100


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_caller_cannot_hop_within_its_own_network(address: str, key: str) -> None:
    assert address_key(address) == key
