"""S-146: what strangers and EHRs send is read or refused, and never costs a second."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.fuzz.targets import TARGETS
from tests.support.proof import FUZZED_LENGTH, FUZZED_SECONDS

# Starlette leaves the file of a part that never ends to the garbage collector, which closes it at once.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
HANG = 1.0  # seconds of CPU for one input
ENOUGH = 200  # inputs, however slow the machine is

WORDS = (
    b"\0", b"\xff", b"\xb2", b"9" * 400, b"-1", b"%", b'"', b"\\", b"<", b">", b"[", b"{", b"=", b"&", b";", b", ",
    b"\r\n", b"NaN", b"1e999", b"null",
    "\u0661".encode(), b"\xed\xa0\x80", b"__class__", b'{"__class__": "date"}', b"--x--",
)  # fmt: skip


def edited(seeds: tuple[bytes, ...]) -> Iterator[bytes]:
    """Seeds with a few bytes changed, dropped, doubled, or taken from another one, without end."""
    chance = random.Random(146)
    while True:
        raw = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            at, end = sorted((chance.randrange(len(raw) + 1), chance.randrange(len(raw) + 1)))
            match chance.randrange(5):
                case 0:
                    raw[at:at] = chance.choice(WORDS)
                case 1:
                    raw[at:end] = b""
                case 2:
                    raw[at:at] = raw[at:end][:200]
                case 3:
                    raw[at:end] = chance.choice(seeds)[at:end]
                case _:
                    raw[at : at + 1] = bytes([chance.randrange(256)])
        yield bytes(raw)


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_is_edited_is_read_or_refused(name: str) -> None:
    began, tries, slowest = time.monotonic(), 0, 0.0
    for raw in chain((b"", *TARGETS[name].seeds, *WORDS), edited(TARGETS[name].seeds)):
        before = time.process_time()
        try:
            TARGETS[name].read(raw)
        except Exception as error:
            raise AssertionError(f"{name} does not expect {raw!r}") from error
        tries, slowest = tries + 1, max(slowest, time.process_time() - before)
        assert slowest < HANG, f"{name} takes {slowest:.1f} s for {raw!r}"
        if time.monotonic() - began > FUZZED_SECONDS.times and tries >= ENOUGH:
            break
    print(f"S-146, {name}: {tries} inputs in {FUZZED_SECONDS.times} s, 0 crashes, slowest {slowest * 1000:.0f} ms")


@pytest.mark.parametrize("name", TARGETS)
def test_a_long_input_costs_no_second_whatever_it_repeats(name: str) -> None:
    parts = [
        *WORDS,
        *TARGETS[name].seeds,
        b"a",
        b" ",
        b".",
        b"[[",
        b"a,",
        b"<a",
        b"<>;",
        b'{"a":',
        b"a=&",
        b"1.",
        b"--x\r\n",
    ]
    for part in parts:
        for head in (b"", TARGETS[name].seeds[0]):
            raw = head + part * (FUZZED_LENGTH.times // len(part))
            began = time.process_time()
            TARGETS[name].read(raw)
            took = time.process_time() - began
            assert took < HANG, f"{name} takes {took:.1f} s for {len(raw)} bytes of {part[:40]!r}"
