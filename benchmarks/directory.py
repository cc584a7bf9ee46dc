"""Type-ahead in the directory: how many organizations are found, and the CPU and the memory of a keystroke, also among
a million rows. The baseline is a scan of all names."""

from __future__ import annotations

import asyncio
import csv
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.organizations import ALIASES, QUERIES, listed, repeated
from benchmarks.typed import TypedQuery, typed_queries
from cobalt_link.directory.aliases import read_aliases
from cobalt_link.directory.engine.index import DirectoryIndex
from cobalt_link.directory.engine.words import folded
from cobalt_link.directory.entry import Entry

FIRST = 5
RECALL, CPU, RATIO = 0.97, 10.0, 3.0
SEED = 20_261_129


async def run(rows: int = 1_000_000, each_kind: int = 100, most: int = 2_000_000) -> None:
    entries = listed(most)
    also = aliases()
    with tempfile.TemporaryDirectory(prefix="cobalt-bench-") as folder:
        small = await _built(Path(folder) / "small", sorted_entries(entries), also)
        unseen = list(typed_queries(entries, each_kind, SEED))
        _tell_recall(small, unseen)
        few = _keystrokes(small, unseen)
        scan = _scanned(entries, unseen)
        large = await _built(Path(folder) / "large", sorted_entries(repeated(entries, rows)), also)
        many = _keystrokes(large, unseen)
        _tell_cpu(len(entries), few, rows, many, scan)
        await _tell_memory(Path(folder) / "large", unseen[0].text)


def sorted_entries(entries: Iterable[Entry]) -> list[tuple[str, str, bytes]]:
    """As the database gives them: once by identity, in the order and the form of `Entries.indexed`."""
    rows = {}
    for each in entries:
        place = (each.city, each.state, each.postal_code)
        row = (each.key, each.name, each.vendor, each.address, *place, each.level, each.audience, False, each.aliases)
        rows[each.key] = (each.vendor, each.folded, msgspec.json.encode(row).replace(b"\\", b"\\\\"))
    return sorted(rows.values())


async def _built(path: Path, rows: list[tuple[str, str, bytes]], aliases: dict[str, list[str]]) -> DirectoryIndex:
    began = time.perf_counter()
    program = (sys.executable, "-m", "cobalt_link.directory.engine.build", str(path))
    process = await asyncio.create_subprocess_exec(*program, stdin=asyncio.subprocess.PIPE)
    assert process.stdin
    process.stdin.write(msgspec.json.encode(aliases) + b"\n")
    for _, _, line in rows:
        process.stdin.write(line + b"\n")
        await process.stdin.drain()
    process.stdin.close()
    assert await process.wait() == 0
    index = DirectoryIndex(path)
    print(
        f"index of {len(rows):,} rows: {index.count:,} organizations, {index.bytes / 1e6:.0f} MB,"
        f" built in {time.perf_counter() - began:.0f} s"
    )
    return index


def aliases() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for alias, name in read_aliases(ALIASES)[0] if ALIASES.exists() else ():
        found.setdefault(folded(name), []).append(alias)
    return found


def _tell_recall(index: DirectoryIndex, unseen: Sequence[TypedQuery]) -> None:
    parts, found = [], 0
    for kind in dict.fromkeys(each.kind for each in unseen):
        queries = [each for each in unseen if each.kind == kind]
        good = sum(is_found(index, each) for each in queries)
        found += good
        parts.append(f"{kind} {good}/{len(queries)}")
    share = found / len(unseen)
    print(f"found in the first {FIRST}, unseen queries: {share:.1%} ({', '.join(parts)})")
    _tell_target(share >= RECALL, f"{RECALL:.0%}")
    if not (known := by_hand()):
        return print("the hand-written queries: skipped, the list of organizations is not beside the repository")
    missed = [query for query, name in known if name not in names(index, query)]
    print(f"found in the first {FIRST}, hand-written queries: {len(known) - len(missed)} of {len(known)}; not {missed}")
    _tell_target(len(missed) <= (1 - RECALL) * len(known), f"{RECALL:.0%}")


def is_found(index: DirectoryIndex, query: TypedQuery) -> bool:
    return query.name in [folded(each.name) for each in index.search(query.text, FIRST).shown]


def by_hand() -> list[tuple[str, str]]:
    """The hand-written queries, each with the name to find. None where the list is absent."""
    if not QUERIES.exists():
        return []
    with QUERIES.open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["query"], row["expected_norm"]) for row in rows]


def names(index: DirectoryIndex, query: str) -> list[str]:
    """The names in the first rows, in the spelling of the hand-written queries."""
    found = [each.name for each in index.search(query, FIRST).shown]
    plain = [unicodedata.normalize("NFKD", re.sub("['’]", "", name.lower())).replace("&", " and ") for name in found]
    return [" ".join(re.findall("[a-z0-9]+", name)) for name in plain]


def _keystrokes(index: DirectoryIndex, queries: Sequence[TypedQuery]) -> list[float]:
    """Milliseconds of CPU of each keystroke, as the queries are typed letter by letter."""
    spent = []
    for each in queries:
        for length in range(1, len(each.text) + 1):
            began = time.process_time_ns()
            index.search(each.text[:length], FIRST + 1)
            spent.append((time.process_time_ns() - began) / 1e6)
    return sorted(spent)


def _scanned(entries: Sequence[Entry], queries: Sequence[TypedQuery]) -> float:
    names = [each.folded for each in entries]
    spent = []
    for each in queries[:20]:
        words, began = each.text.split(), time.process_time_ns()
        [name for name in names if all(word in name for word in words)]
        spent.append((time.process_time_ns() - began) / 1e6)
    return median(spent)


def _tell_cpu(rows: int, few: list[float], more: int, many: list[float], scan: float) -> None:
    for count, spent in ((rows, few), (more, many)):
        p50, p95 = median(spent), spent[int(len(spent) * 0.95)]
        mean = sum(spent) / len(spent)
        print(f"CPU per keystroke among {count:,} rows: p50 {p50:.2f} ms, mean {mean:.2f} ms, p95 {p95:.2f} ms")
    _tell_target(median(many) <= CPU, f"{CPU:.0f} ms p50")
    ratio = sum(many) / sum(few) * len(few) / len(many)
    print(
        f"  ratio p50 {median(many) / median(few):.2f}, mean {ratio:.2f}; baseline, a scan of {rows:,}: {scan:.2f} ms"
    )
    _tell_target(median(many) / median(few) <= RATIO, f"ratio {RATIO:.0f}")


async def _tell_memory(path: Path, query: str) -> None:
    code = (
        "import os, sys, psutil\nfrom pathlib import Path\n"
        "from cobalt_link.directory.engine.index import DirectoryIndex\n"
        "own = lambda: psutil.Process().memory_full_info().uss\n"
        "before = own()\nindex = DirectoryIndex(Path(sys.argv[1]))\nindex.search(sys.argv[2], 5)\nprint(own() - before)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(path), query, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    print(
        f"memory of a process of its own for it: {int(said) / 1e6:.1f} MB; the index itself is shared by all processes"
    )


def _tell_target(reached: bool, target: str) -> None:
    print(f"  target {target}: {'reached' if reached else 'missed'}")
