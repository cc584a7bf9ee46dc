"""What a read leaves out, and says so: the answer is then `partial`, with the reason in a sentence.

Nothing of a patient stands in it: only how many records of which type lack what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from cobalt_link.connector import Capped
from cobalt_link.connectors.smart.values import Resource, text

T = TypeVar("T")
# What a mapping may raise at a record of a shape that nobody thought of.
BROKEN = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)


class Losses:
    """Of one read."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}
        self._lacking: Counter[tuple[str, str]] = Counter()

    def say(self, *sentences: str) -> None:
        self._sentences.update(dict.fromkeys(sentences))

    def lacks(self, kind: str, what: str) -> None:
        """One record of this type lacks something: `lacks("Patient", "no id")`."""
        self._lacking.update([(kind, what)])

    def each(self, records: Iterable[Resource], make: Callable[[Resource], T | None]) -> Iterator[T]:
        """What `make` makes of each record. None is left out without a word, for it has said why. A record that breaks
        the mapping hides none of the others."""
        for record in records:
            kind = text(record, "resourceType") or "record"
            if text(record, "id") is None:
                self.lacks(kind, "no id")
                continue
            try:
                made = make(record)
            except BROKEN:
                self.lacks(kind, "a shape that cannot be read")
                continue
            if made is not None:
                yield made

    @property
    def said(self) -> str | None:
        counted = [
            f"{count} record{'s' if count > 1 else ''} of the type {kind} {'have' if count > 1 else 'has'} {what}."
            for (kind, what), count in sorted(self._lacking.items())
        ]
        return " ".join((*self._sentences, *counted)) or None

    def end(self) -> None:
        """Raises Capped if anything was lost: after the last record of a stream."""
        if self.said:
            raise Capped(self.said)
