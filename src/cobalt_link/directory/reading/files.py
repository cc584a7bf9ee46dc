"""Opens a list, unpacks it if it is packed, and tells its format by how it begins."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from cobalt_link.directory.reading.limits import FREE_BYTES, MOST_BYTES, MOST_RATIO, ListUnreadable

GZIP = b"\x1f\x8b"
Format = Literal["json", "table"]


class LimitedReader(io.RawIOBase):
    """A file that is read to a limit. A packed file of a few kilobytes can hold terabytes."""

    def __init__(self, source: BinaryIO, most: int) -> None:
        self._source = source
        self._most = most
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            data = self._source.read(len(view))
        except (OSError, EOFError, zlib.error) as error:
            raise ListUnreadable(f"The file cannot be unpacked: {error}. Get it again.") from None
        view[: len(data)] = data
        self.read_bytes += len(data)
        if self.read_bytes > self._most:
            raise ListUnreadable(f"The list is longer than {self._most} bytes unpacked. Import it in parts.")
        return len(data)


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The unpacked bytes of a list. Raises `ListUnreadable`."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ListUnreadable(f"{path} cannot be read: {error.strerror}. Check the path.") from None
    with file:
        packed = os.fstat(file.fileno()).st_size
        is_packed = file.read(2) == GZIP
        file.seek(0)
        most = min(MOST_BYTES, max(FREE_BYTES, packed * MOST_RATIO)) if is_packed else MOST_BYTES
        source = gzip.GzipFile(fileobj=file) if is_packed else file
        yield io.BufferedReader(LimitedReader(source, most), 2**18)  # type: ignore[arg-type]


def format_of(file: io.BufferedReader) -> Format:
    """JSON begins with a bracket. Raises `ListUnreadable` for what is no text, such as a spreadsheet."""
    start = file.peek(4096)[:4096]
    if b"\0" in start or start[:2] == b"PK":
        raise ListUnreadable("This is no text file. Export the list as CSV or JSON.")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise ListUnreadable("The list is empty.")
    if text[:1] == b"<":
        raise ListUnreadable("This is XML or a web page. Get the list as JSON or CSV.")
    return "json" if text[:1] in (b"{", b"[") else "table"
