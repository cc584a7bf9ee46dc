"""What a read capability is made of: its protocol, its query, what its records tell an app, how its filters match.

Each module of this package describes one or a few of them, with the records that connectors return.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import msgspec

Topic: TypeAlias = Literal[
    "visits",
    "openings",
    "people",
    "contact",
    "reasons",
    "diagnoses",
    "medications",
    "notes",
    "documents",
    "orders",
    "referrals",
    "tasks",
    "insurance",
    "eligibility",
    "billing",
    "providers",
    "locations",
    "directory",
    "practice",
]
"""What a field of a record says something on. The consent has a line for each."""
TOPICS: tuple[Topic, ...] = get_args(Topic)
"""In their order on the page."""

T = TypeVar("T")
Records: TypeAlias = Awaitable[Iterable[T]] | AsyncIterator[T]
"""`async def … -> list[T]`, or an async generator of T."""
Stream: TypeAlias = AsyncIterator[T]
"""What an async generator of T is annotated with."""
Topics: TypeAlias = Mapping[type[msgspec.Struct], Mapping[Topic, str]]
"""The fields of each model by topic, as words in one text."""


class FilterMatch(msgspec.Struct, frozen=True):
    """Whether a record has the value that a filter asks for: `test(value, wanted)` for one of the fields."""

    fields: tuple[str, ...]
    test: Callable[[Any, Any], bool]

    def __call__(self, record: msgspec.Struct, wanted: Any) -> bool:
        return any(self.test(getattr(record, field), wanted) for field in self.fields)


class Capped(Exception):
    """Raised by a connector's generator after its last record: the EHR has more, but gives no more.

    The text is for developers, in a sentence without anything of a patient: "The EHR gives at most 500 orders."
    """


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One capability. `record` is the model of its records, and None if the method returns something else.

    `query` is the struct that the method takes. `matches` has the filters that a record itself can answer, for an EHR
    that lacks them. `renamed` are filters that the API calls by another name than the query. `optional` are methods
    that a connector may have beside. `unfiltered` are fields of the query that are no filters. `always` are filters
    without which the method is never called; `patient_mrn` there stands for that or `patient_ehr_id`.
    """

    protocol: type
    topics: Topics
    record: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None = None
    matches: Mapping[str, FilterMatch] = {}
    renamed: Mapping[str, str] = {}
    optional: Mapping[str, type] = {}
    unfiltered: frozenset[str] = frozenset()
    always: tuple[str, ...] = ()

    @property
    def filters(self) -> frozenset[str]:
        """The filters that a manifest can declare, by their names in the API."""
        fields = self.query.__struct_fields__ if self.query else ()
        return frozenset({*self.renamed, *fields} - {*self.renamed.values()} - self.unfiltered)


async def listed(records: Records[T]) -> list[T]:
    """All records of a method, however it gives them."""
    if isinstance(records, AsyncIterator):
        return [each async for each in records]
    return list(await records)


async def streamed(records: Records[T]) -> AsyncIterator[T]:
    """The records of a method one by one, however it gives them."""
    if isinstance(records, AsyncIterator):
        async for each in records:
            yield each
    else:
        for each in await records:
            yield each
