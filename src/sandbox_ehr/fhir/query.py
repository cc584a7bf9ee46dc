"""A search, read from its query: what it filters by, and how the answer must look (FHIR R4, search.html)."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.kinds import Kind
from sandbox_ehr.fhir.matching import Criterion, bounds, last_part, prefixed, split
from sandbox_ehr.fhir.outcome import FhirRefused
from sandbox_ehr.fhir.parameters import parameters_of
from sandbox_ehr.twins import Resource as Offer
from sandbox_ehr.twins import Twin

Pairs = tuple[tuple[str, str], ...]
# Results parameters. The others filter.
RESULTS = ("_include", "_include:iterate", "_revinclude", "_sort", "_total", "_summary", "_elements", "_format")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """`unknown` are parameters that nobody here knows. `offset` is where the page begins."""

    kind: str
    pairs: Pairs
    criteria: tuple[Criterion, ...]
    unknown: tuple[str, ...]
    includes: tuple[str, ...]
    sort: str
    count: int
    offset: int

    def days(self, order: str, zone: ZoneInfo) -> tuple[date | None, date | None]:
        """The first and the last day that the query allows for that date parameter."""
        first = last = None
        for each in self.criteria:
            if each.parameter.name == order and not each.modifier and len(each.values) == 1:
                prefix, text = prefixed(each.values[0])
                low, high = (datetime.fromtimestamp(edge, zone).date() for edge in bounds(text, zone))
                if prefix in ("eq", "ge", "gt", "sa"):
                    first = low
                if prefix in ("eq", "le", "lt", "eb"):
                    last = high
        return first, last


def read(kind: Kind, pairs: Iterable[tuple[str, str]], twin: Twin, offset: int = 0) -> Query:
    """Raises FhirRefused for a modifier that this server does not know, and for what its twin does not take."""
    pairs, offer = tuple(pairs), twin.resources.get(kind.name, Offer())
    results = dict.fromkeys((*RESULTS, twin.paging.count, twin.paging.cursor))
    known, criteria, unknown = parameters_of(kind.name), [], []
    for name, value in pairs:
        plain, _, modifier = name.partition(":")
        plain = offer.also.get(plain, plain)
        if name in results or name in ("ah-practice", *twin.ignored):
            continue
        if plain not in known or not _is_offered(plain, offer):
            unknown.append(name)
        elif value:
            criteria.append(Criterion(known[plain], *_modified(modifier, split(value))))
    given = dict(pairs)
    check(offer, [(name.partition(":")[0], value) for name, value in pairs])
    return Query(
        kind=kind.name,
        pairs=pairs,
        criteria=tuple(criteria),
        unknown=tuple(unknown),
        includes=tuple(value for name, value in pairs if name in ("_include", "_include:iterate")),
        sort=given.get("_sort", ""),
        count=_count(given.get(twin.paging.count, ""), twin),
        offset=offset,
    )


def check(offer: Offer, pairs: list[tuple[str, str]]) -> None:
    """What a type of a twin requires of a search. Raises FhirRefused."""
    names = [name for name, _ in pairs]
    for group in offer.required:
        if not set(group) & set(names):
            raise FhirRefused(400, "required", f"No supported search parameters provided. Give one of {group}.")
    if sum(name in offer.alone for name in names) > 1:
        raise FhirRefused(400, "invalid", f"Only one of {offer.alone} may be given, and only once.")
    for name, shape in offer.ranges.items():
        values = [value for each, value in pairs if each == name]
        if values and not _has_shape(values, shape):
            raise FhirRefused(400, "invalid", f"{name} must be given as {shape}.")


def _has_shape(values: list[str], shape: str) -> bool:
    if shape == "day":
        return all("T" not in value for value in values)
    return sorted(prefixed(value)[0] for value in values) == sorted(shape.split())


def hint_of(query: Query, kind: Kind, patient: str, zone: ZoneInfo) -> Hint:
    single = {each.parameter.name: each for each in query.criteria if not each.modifier}
    first, last = query.days(kind.order, zone) if kind.order else (None, None)

    def only(name: str) -> str:
        values = single[name].values if name in single else ()
        return last_part(values[0], single[name].parameter.target) if len(values) == 1 else ""

    ids = tuple(single["_id"].values) if "_id" in single else ()
    return Hint(ids=ids, patient=patient or only("patient"), first_day=first, last_day=last)


def _is_offered(name: str, offer: Offer) -> bool:
    own = {*offer.search, *offer.also.values()}
    return not offer.search or name in own or name == "_id"


def _modified(modifier: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """A modifier may be a type, as in `subject:Patient=1`."""
    if modifier and modifier[0].isupper():
        return "", tuple(f"{modifier}/{value}" for value in values)
    if modifier not in ("", "exact", "contains", "not", "missing"):
        raise FhirRefused(400, "not-supported", f"The modifier {modifier} is not known here.")
    return modifier, values


def _count(text: str, twin: Twin) -> int:
    if not text:
        return twin.paging.usual
    if not text.isdigit():
        raise FhirRefused(400, "invalid", f"{twin.paging.count} must be a number.")
    return min(int(text), twin.paging.most)
