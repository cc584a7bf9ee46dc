"""Reads the items of the arrays of a JSON document one by one, so that a document of any size needs little memory.

The parser of the standard library reads one item at a time from a window of the text (docs/why/directory.md).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any, BinaryIO

from cobalt_link.directory.reading.limits import MOST_VALUE, ListUnreadable

AT_ONCE = 2**16
_BLANKS = re.compile(r"[ \t\r\n]*")


def array_items(file: BinaryIO, keys: Collection[str]) -> Iterator[Any]:
    """The items of the arrays that an object has under `keys`, or of the array that the document is.

    Other values of the object are skipped. Raises `ListUnreadable`.
    """
    window = _Window(file)
    if window.next() == "[":
        yield from _items(window)
        return
    window.take("{")
    while window.next() != "}":
        key = window.value()
        window.take(":")
        if key in keys and window.next() == "[":
            yield from _items(window)
        else:
            window.value()
        if window.next() == ",":
            window.take(",")
    window.take("}")


def _items(window: _Window) -> Iterator[Any]:
    window.take("[")
    while window.next() != "]":
        yield window.value()
        if window.next() == ",":
            window.take(",")
    window.take("]")


class _Window:
    """The part of the text that is being read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._parse = JSONDecoder().raw_decode
        self._text = ""
        self._place = 0
        self._ended = False

    def next(self) -> str:
        """The next character that is no blank. It is not taken."""
        while True:
            found = _BLANKS.match(self._text, self._place)
            self._place = found.end() if found else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._fill():
                raise ListUnreadable("The JSON ends in the middle. Get the list again.")

    def take(self, character: str) -> None:
        if self.next() != character:
            raise ListUnreadable(f"This is not valid JSON: {character} is missing. Get the list again.")
        self._place += 1

    def value(self) -> Any:
        """The next value."""
        self.next()
        while True:
            try:
                value, end = self._parse(self._text, self._place)
            except JSONDecodeError as error:
                # What is wrong before the end of the window does not get better with more text.
                is_long_text = error.msg.startswith("Unterminated string")
                if (len(self._text) - error.pos > AT_ONCE and not is_long_text) or not self._fill():
                    raise ListUnreadable(f"This is not valid JSON: {error.msg}. Get the list again.") from None
                continue
            except RecursionError:
                raise ListUnreadable("The JSON is nested too deeply.") from None
            except ValueError as error:
                raise ListUnreadable(f"This is not valid JSON: {error}") from None
            # A number at the end of the window may go on.
            if end < len(self._text) or not self._fill():
                self._place = end
                return value

    def _fill(self) -> bool:
        if self._ended:
            return False
        rest = self._text[self._place :]
        if len(rest) > MOST_VALUE:
            raise ListUnreadable(f"One value of the JSON is longer than {MOST_VALUE} characters.")
        data = self._file.read(max(AT_ONCE, len(rest)))
        self._ended = not data
        try:
            more = self._decode(data, self._ended)
        except UnicodeDecodeError:
            raise ListUnreadable("The list is not in UTF-8. Export it as UTF-8.") from None
        self._text, self._place = rest + more, 0
        return True
