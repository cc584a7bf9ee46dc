import asyncio

import pytest

from cobalt_link.developers import short_cache
from cobalt_link.developers.short_cache import FRESH, ShortCache


class Source:
    """Counts its reads; each waits until `gate` is set."""

    def __init__(self) -> None:
        self.reads = 0
        self.now = 0.0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, key: str) -> str:
        self.reads += 1
        number = self.reads
        await self.gate.wait()
        if key == "broken":
            raise LookupError
        return f"{key} {number}"


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def memory(source: Source) -> ShortCache[str, str]:
    return ShortCache(source.read, ticks=lambda: source.now)


async def test_what_was_just_read_is_not_read_again(memory: ShortCache[str, str], source: Source) -> None:
    assert [await memory("a"), await memory("a")] == ["a 1", "a 1"]
    assert source.reads == 1


# S-128
async def test_after_less_than_a_second_it_is_read_again(memory: ShortCache[str, str], source: Source) -> None:
    assert FRESH < 1
    await memory("a")
    source.now = FRESH + 0.01
    assert await memory("a") == "a 2"


# S-128
async def test_age_counts_from_before_the_read_began(memory: ShortCache[str, str], source: Source) -> None:
    source.gate.clear()
    slow = asyncio.ensure_future(memory("a"))
    await asyncio.sleep(0)
    source.now = FRESH + 0.01
    late = asyncio.ensure_future(memory("a"))
    await asyncio.sleep(0)
    source.gate.set()
    assert [await slow, await late] == ["a 1", "a 2"]


async def test_askers_at_one_moment_share_one_read(memory: ShortCache[str, str], source: Source) -> None:
    assert await asyncio.gather(*(memory("a") for _ in range(50))) == ["a 1"] * 50


async def test_an_asker_that_hangs_up_leaves_the_read_to_the_others(
    memory: ShortCache[str, str], source: Source
) -> None:
    source.gate.clear()
    first, second = (asyncio.ensure_future(memory("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    source.gate.set()
    assert await second == "a 1"


async def test_a_failure_is_not_kept(memory: ShortCache[str, str], source: Source) -> None:
    for _ in range(2):
        with pytest.raises(LookupError):
            await memory("broken")
    assert source.reads == 2


async def test_what_is_forgotten_is_read_again(memory: ShortCache[str, str]) -> None:
    await memory("a")
    memory.forget("a")
    assert await memory("a") == "a 2"


async def test_it_keeps_a_bounded_number(
    memory: ShortCache[str, str], source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_cache, "MOST", 3)
    for key in "abcdefg":
        await memory(key)
    assert len(memory._kept) <= 3
