"""The program that builds an index, in a process of its own: a server goes on answering, and the memory comes back.

`python -m cobalt_link.directory.engine.build FILE` reads from stdin a line with the aliases, then the entries in the
order and the form in which `COPY` gives them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from cobalt_link.directory.engine.building import IndexBuilder
from cobalt_link.directory.engine.organizations import IndexedEntry, organizations

NICE = 10


def build(path: Path, aliases: Mapping[str, Sequence[str]], entries: Iterable[IndexedEntry]) -> None:
    """Writes the index of entries that come sorted by vendor and folded name."""
    builder = IndexBuilder(aliases)
    for each in organizations(entries):
        builder.add(each)
    builder.write(path)


def entries_of(lines: Iterable[bytes]) -> Iterator[IndexedEntry]:
    """From the lines that `COPY` writes: it doubles backslashes (PostgreSQL, COPY, text format)."""
    decoder = msgspec.json.Decoder(IndexedEntry)
    for line in lines:
        yield decoder.decode(line.replace(b"\\\\", b"\\"))


def main() -> None:
    os.nice(NICE)
    aliases = msgspec.json.decode(sys.stdin.buffer.readline(), type=dict[str, list[str]])
    build(Path(sys.argv[1]), aliases, entries_of(sys.stdin.buffer))


if __name__ == "__main__":
    main()
