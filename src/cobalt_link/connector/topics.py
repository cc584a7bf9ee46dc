"""What an app learns from the records of each capability, by topic. The consent is made from this alone.

Every field of every record has exactly one topic, or this module does not import: a new field cannot reach an app
without a line in the consent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args, get_type_hints

import msgspec

from cobalt_link.connector.capabilities import PROTOCOLS, Capability
from cobalt_link.connector.models import (
    Appointment,
    Coded,
    Location,
    Patient,
    Patients,
    PracticeSettings,
    Provider,
    Shift,
)

Topic: TypeAlias = Literal[
    "visits",
    "people",
    "contact",
    "reasons",
    "diagnoses",
    "medications",
    "notes",
    "insurance",
    "providers",
    "locations",
    "practice",
]
TOPICS: tuple[Topic, ...] = get_args(Topic)
"""In their order on the page."""

T = TypeVar("T")

_FIELDS: Mapping[type[msgspec.Struct], Mapping[Topic, str]] = {
    Patient: {
        "people": "ehr_id mrn first_name last_name middle_name dob sex",
        "contact": "phone cell_phone email address_street address_line2 address_city address_state address_zip",
    },
    Patients: {"people": "items total"},
    Appointment: {
        "visits": "ehr_id start duration status appointment_type mode location_ehr_id location_name provider_ehr_id"
        " provider_name provider_npi secondary_provider_ehr_id created_at",
        "people": "patient",
        "reasons": "reason complaint_type note",
        "diagnoses": "diagnoses",
        "medications": "medications",
        "notes": "progress_note",
        "insurance": "insurance insurance_number insurance_group_number insurance_subscriber secondary_insurance"
        " secondary_insurance_number",
    },
    Provider: {"providers": "ehr_id name npi active timezone hours"},
    Shift: {"providers": "weekday start end location_ehr_id location_name"},
    Location: {"locations": "ehr_id name active address1 address2 city state zip phone fax"},
    PracticeSettings: {"practice": "timezone visit_types visit_statuses required_patient_fields"},
    Coded: {"practice": "code description"},
}


def topics_of(capabilities: Iterable[Capability], without: Collection[Topic] = ()) -> tuple[Topic, ...]:
    """The topics of everything that the capabilities return, without those that the connector never fills."""
    found = {topic for each in capabilities for model in _returned(each) for topic in _topics(model).values()}
    return tuple(topic for topic in TOPICS if topic in found and topic not in without)


def topic_of(model: type[msgspec.Struct], field: str) -> Topic:
    """What a field of a model says something on."""
    return _topics(model)[field]


def can_lack(topic: Topic) -> bool:
    """Whether records are complete without this topic: each of its fields has a default."""
    return all(
        msgspec.NODEFAULT is not field.default
        for model in _FIELDS
        for field in msgspec.structs.fields(model)
        if _topics(model)[field.name] == topic
    )


def withheld(value: T, topics: frozenset[Topic]) -> T:
    """A record, or a list of records, without what it says on these topics. All of them must be ones that records
    `can_lack`."""
    if not topics:
        return value
    if isinstance(value, list | tuple):
        return cast(T, type(value)(withheld(each, topics) for each in value))
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
            found[field.name] = field.default
        elif any(_changes(inner, topics) for inner in _records_in(field.type)):
            found[field.name] = _INSIDE
    return found


@cache
def _topics(model: type[msgspec.Struct]) -> dict[str, Topic]:
    """The topic of each field of a model."""
    return {field: topic for topic, fields in _FIELDS[model].items() for field in fields.split()}


def _returned(capability: Capability) -> set[type[msgspec.Struct]]:
    """Every model that the method of a capability returns, and those inside."""
    return set(_records_in(get_type_hints(getattr(PROTOCOLS[capability], capability))["return"]))


def _records_in(hint: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
        for field in msgspec.structs.fields(hint):
            yield from _records_in(field.type)
    for part in get_args(hint):
        yield from _records_in(part)


def _check() -> None:
    for capability in PROTOCOLS:
        for model in _returned(capability):
            named = [field for fields in _FIELDS.get(model, {}).values() for field in fields.split()]
            if sorted(named) != sorted(model.__struct_fields__):
                wrong = ", ".join(sorted(set(named) ^ set(model.__struct_fields__))) or "one of them twice"
                raise TypeError(f"Each field of {model.__name__} needs one topic in connector/topics.py: {wrong}")


_check()
