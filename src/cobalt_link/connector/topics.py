"""What an app learns from the records of each capability, by topic. The consent is made from this alone.

Every field of every record has exactly one topic, or this module does not import: a new field cannot reach an app
without a line in the consent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from cobalt_link.connector.models import READS, Capability
from cobalt_link.connector.models.reading import TOPICS, Topic

T = TypeVar("T")

_FIELDS: Mapping[type[msgspec.Struct], Mapping[Topic, str]] = {
    model: topics for read in READS.values() for model, topics in read.topics.items()
}


def topics_of(capabilities: Iterable[Capability], without: Collection[Topic] = ()) -> tuple[Topic, ...]:
    """The topics of everything that the capabilities return, without those that the connector never fills."""
    found = {topic for each in capabilities for model in models_of(each) for topic in _topics(model).values()}
    return tuple(topic for topic in TOPICS if topic in found and topic not in without)


def topic_of(model: type[msgspec.Struct], field: str) -> Topic:
    """What a field of a model says something on."""
    return _topics(model)[field]


def can_lack(topic: Topic, capabilities: Iterable[Capability]) -> bool:
    """Whether what the capabilities return is complete without this topic: each of its fields has a default."""
    return all(
        msgspec.NODEFAULT is not field.default or msgspec.NODEFAULT is not field.default_factory
        for each in capabilities
        for model in _records_in(_returned(each), without=topic)
        for field in msgspec.structs.fields(model)
        if _topics(model)[field.name] == topic
    )


def withheld_fields(capability: Capability, topics: Collection[Topic]) -> list[str]:
    """The fields that `withheld` empties in what a capability returns."""
    found = {name for model in models_of(capability) for name, topic in _topics(model).items() if topic in topics}
    return sorted(found)


def withheld(value: T, topics: frozenset[Topic]) -> T:
    """A record, or a list of records, without what it says on these topics. All of them must be ones that records
    `can_lack`."""
    if not topics:
        return value
    if isinstance(value, list | tuple):
        made = getattr(type(value), "_make", type(value))  # a named tuple takes its members one by one
        return cast(T, made(withheld(each, topics) for each in value))
    if not isinstance(value, msgspec.Struct) or not (changes := _changes(type(value), topics)):
        return value
    return msgspec.structs.replace(
        value,
        **{name: withheld(getattr(value, name), topics) if default is _INSIDE else default
           for name, default in changes.items()},
    )  # fmt: skip


_INSIDE = object()  # in place of a default: the field holds records that say something on the topic


@cache
def _changes(model: type[msgspec.Struct], topics: frozenset[Topic]) -> dict[str, Any]:
    """What `withheld` changes in a record: fields with their defaults, and those that hold such records."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(model):
        if _topics(model)[field.name] in topics:
            lazy = field.default_factory is not msgspec.NODEFAULT
            found[field.name] = field.default_factory() if lazy else field.default
        elif any(_changes(inner, topics) for inner in _records_in(field.type)):
            found[field.name] = _INSIDE
    return found


@cache
def _topics(model: type[msgspec.Struct]) -> dict[str, Topic]:
    """The topic of each field of a model."""
    return {field: topic for topic, fields in _FIELDS[model].items() for field in fields.split()}


@cache
def models_of(capability: Capability) -> frozenset[type[msgspec.Struct]]:
    """Every model that the method of a capability returns, and those inside."""
    return frozenset(_records_in(_returned(capability)))


def _returned(capability: Capability) -> Any:
    return get_type_hints(getattr(READS[capability].protocol, capability))["return"]


def _records_in(hint: Any, without: Topic | None = None) -> Iterator[type[msgspec.Struct]]:
    """The models of a type, and those in their fields, but for fields that say something on the topic `without`."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
        for field in msgspec.structs.fields(hint):
            if without is None or _topics(hint)[field.name] != without:
                yield from _records_in(field.type, without)
    for part in get_args(hint):
        yield from _records_in(part, without)


def _check() -> None:
    for capability in READS:
        for model in models_of(capability):
            named = [field for fields in _FIELDS.get(model, {}).values() for field in fields.split()]
            if sorted(named) != sorted(model.__struct_fields__):
                wrong = ", ".join(sorted(set(named) ^ set(model.__struct_fields__))) or "one of them twice"
                raise TypeError(f"Each field of {model.__name__} needs one topic in its Read: {wrong}")


_check()
