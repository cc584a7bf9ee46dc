"""S-048: the time in which a secret is refused does not tell how much of it was right. Welch's test, as in dudect."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable

import pytest

from cobalt_link.developers.auth import Callers
from cobalt_link.developers.clients import Clients, Known
from cobalt_link.link.session import browser
from cobalt_link.vault import Vault
from tests.developers.conftest import App
from tests.support.proof import TIMING_SAMPLES

MOST_T = 4.5
Compare = Callable[[bytes], object]


def welch(compare: Compare, one: bytes, other: bytes, samples: int) -> float:
    """|t| of the times that `compare` takes with the two values, in random order, without the slowest tenth."""
    order = [random.random() < 0.5 for _ in range(samples)]
    # Both are of the same kind of object, and new, so that only what they hold differs.
    values = [bytes(bytearray(one if which else other)) for which in order]
    taken: tuple[list[int], list[int]] = [], []
    gc.disable()
    try:
        for which, value in zip(order, values, strict=True):
            before = time.perf_counter_ns()
            compare(value)
            taken[which].append(time.perf_counter_ns() - before)
    finally:
        gc.enable()
    # What is slow was interrupted by the machine. The limit is that of both together.
    limit = statistics.quantiles([*taken[0], *taken[1]], n=10)[-1]
    first, second = ([each for each in side if each <= limit] for side in taken)
    spread = statistics.variance(first) / len(first) + statistics.variance(second) / len(second)
    return abs(statistics.fmean(first) - statistics.fmean(second)) / math.sqrt(spread)


def differing(digest: bytes, at: int) -> bytes:
    changed = bytearray(digest)
    changed[at] ^= 1
    return bytes(changed)


@pytest.fixture
async def known(clients: Clients, acme: App) -> Known:
    found = await clients.known(acme[0].client_id)
    assert found is not None
    return found


@pytest.mark.parametrize("where", ["a client's secret", "a browser's secret"])
async def test_the_first_wrong_byte_and_the_last_one_take_the_same_time(
    where: str, callers: Callers, known: Known
) -> None:
    # S-048
    ((stored, _),) = known.secrets
    ways: dict[str, Compare] = {
        "a client's secret": lambda digest: callers._matches(known, [digest]),
        "a browser's secret": lambda digest: browser._any(stored, [digest]),
    }
    pairs = {
        "first or last byte wrong": (differing(stored, 0), differing(stored, 31)),
        "all bytes wrong or the last": (bytes(each ^ 255 for each in stored), differing(stored, 31)),
    }
    for name, (one, other) in pairs.items():
        # A machine that changes its speed can fake a difference. A comparison that leaks always has it.
        found = min(welch(ways[where], one, other, TIMING_SAMPLES.times) for _ in range(5))
        assert found < MOST_T, name
        print(f"S-048, {where}, {name}: |t| = {found:.2f} of {TIMING_SAMPLES.times} samples, {MOST_T} allowed")


def test_a_comparison_that_stops_at_the_first_wrong_byte_is_found() -> None:
    stored = bytes(range(32))

    def naive(digest: bytes) -> bool:
        return all(one == other for one, other in zip(stored, digest, strict=True))

    assert welch(naive, differing(stored, 0), differing(stored, 31), TIMING_SAMPLES.landing) > MOST_T


async def test_what_is_looked_up_is_a_keyed_hash_and_never_the_secret(vault: Vault, known: Known, acme: App) -> None:
    """S-048: so an attacker who could time the comparison would learn of a hash that only our key makes."""
    ((stored, _),) = known.secrets
    assert stored in vault.fingerprints("client_secret", acme[1]) and acme[1].encode() not in stored
