"""Slots: a full lane keeps only its own waiters waiting."""

import asyncio

from cobalt_link.kit.slots import Slots


async def hold(slots: Slots, lane: str | None, go: asyncio.Event, inside: list[str | None]) -> None:
    async with slots.taken(lane):
        inside.append(lane)
        await go.wait()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_lane_takes_its_share_and_leaves_the_rest_to_others() -> None:
    slots, go, inside = Slots(total=4, per_lane=2), asyncio.Event(), list[str | None]()
    tasks = [asyncio.create_task(hold(slots, "slow", go, inside)) for _ in range(10)]
    await settled()
    assert inside == ["slow"] * 2
    tasks += [asyncio.create_task(hold(slots, lane, go, inside)) for lane in ("a", None, "b")]
    await settled()
    assert inside == ["slow", "slow", "a", None]
    go.set()
    await asyncio.gather(*tasks)
    assert len(inside) == 13
    assert not slots._lanes and not slots._used


async def test_a_waiter_that_is_cancelled_leaves_its_place() -> None:
    slots, go, inside = Slots(total=4, per_lane=1), asyncio.Event(), list[str | None]()
    first, second = (asyncio.create_task(hold(slots, "one", go, inside)) for _ in range(2))
    await settled()
    second.cancel()
    await settled()
    go.set()
    await first
    await asyncio.wait_for(hold(slots, "one", go, inside), 1)
    assert not slots._lanes


async def test_in_a_lane_the_parties_come_in_turn() -> None:  # S-090
    slots, go, served = Slots(total=4, per_lane=1), asyncio.Event(), list[str]()

    async def work(party: str) -> None:
        async with slots.taken("one", party):
            served.append(party)
            await go.wait()

    tasks = [asyncio.create_task(work(party)) for party in "aaaaabbc"]
    await settled()
    tasks[2].cancel()
    go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert "".join(served) == "aabcbaa"
    assert not slots._lanes and not slots._used


async def test_a_slot_that_is_given_and_cancelled_in_one_moment_is_not_lost() -> None:
    slots, go, inside = Slots(total=4, per_lane=1), asyncio.Event(), list[str | None]()
    first, second = (asyncio.create_task(hold(slots, "one", go, inside)) for _ in range(2))
    await settled()
    go.set()
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await asyncio.wait_for(hold(slots, "one", go, inside), 1)
