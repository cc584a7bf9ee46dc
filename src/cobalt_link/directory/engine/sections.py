"""The file of an index: a header and arrays, which a process maps into its memory instead of reading them.

All processes of a machine that use one file share its pages. Nobody changes a file. A new index is a new file.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

MAGIC = b"cobalt directory index 1\n"
ALIGNED = 8


class IndexBroken(Exception):
    """The file is no index of this release. It has to be built again."""


class Header(msgspec.Struct):
    """`sections` gives offset and length in bytes. `facts` are small values of any kind."""

    sections: dict[str, tuple[int, int]]
    facts: dict[str, msgspec.Raw]


class SectionWriter:
    """Writes sections one after another, each in parts if it is large. `close` writes the header and makes it whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sections: dict[str, tuple[int, int]] = {}
        file.write(MAGIC.ljust(64, b"\0"))

    def write(self, name: str, data: bytes | bytearray | array[int] | memoryview) -> None:
        start = self._aligned()
        self._file.write(data)
        self._sections[name] = (start, self._file.tell() - start)

    def close(self, facts: Mapping[str, object]) -> None:
        raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in facts.items()}
        header = msgspec.json.encode(Header(self._sections, raw))
        start = self._aligned()
        self._file.write(header)
        self._file.seek(len(MAGIC))
        self._file.write(start.to_bytes(8, "little") + len(header).to_bytes(8, "little"))

    def _aligned(self) -> int:
        self._file.write(b"\0" * (-self._file.tell() % ALIGNED))
        return self._file.tell()


class Sections:
    """A mapped file. `numbers` gives an array of unsigned 32-bit numbers, `raw` the bytes."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 64 or file.read(len(MAGIC)) != MAGIC:
                raise IndexBroken(f"{path} is no index of this release.")
            start, length = (int.from_bytes(file.read(8), "little") for _ in range(2))
            if not 0 < start <= size - length:
                raise IndexBroken(f"{path} was not written to its end.")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.size = size
        header = msgspec.json.decode(self._map[start : start + length], type=Header)
        self._header = header

    def raw(self, name: str) -> memoryview:
        start, length = self._header.sections[name]
        return memoryview(self._map)[start : start + length]

    def numbers(self, name: str) -> memoryview[int]:
        return self.raw(name).cast("I")

    def fact(self, name: str, kind: type) -> object:
        return msgspec.json.decode(self._header.facts[name], type=kind)
