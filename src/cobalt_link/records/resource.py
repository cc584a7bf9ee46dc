"""What a resource of the API says about itself: its paths, its request, its records, how they look, and their pages.

A module of `records/resources` has an `ENDPOINTS`, mostly those of one `Resource`. `api.py` makes the routes of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import (
    AccountGone,
    EhrThrottled,
    EhrUnavailable,
    EhrUnexpected,
    MissingRights,
    NotGranted,
    NotSupported,
    ReconnectRequired,
)
from cobalt_link.connector.models import READS, Capability
from cobalt_link.connector.models.reading import Read
from cobalt_link.developers.ehr_domains import EhrDomainNotAllowed
from cobalt_link.records.days import MissingParameters
from cobalt_link.records.engine import Ids
from cobalt_link.records.ids import Kind, Named
from cobalt_link.records.pending import Pending, pending_shape
from cobalt_link.web import Idempotency, Rate
from cobalt_link.web.paging import Numbered
from cobalt_link.web.problems import InvalidRequest, Problem, Unavailable

Record = TypeVar("Record", bound=msgspec.Struct)
View = TypeVar("View", bound=msgspec.Struct)

# Every read asks the EHR, so any of these may be the answer.
LIVE = (
    ReconnectRequired,
    MissingRights,
    AccountGone,
    NotSupported,
    NotGranted,
    EhrUnavailable,
    EhrThrottled,
    EhrUnexpected,
    EhrDomainNotAllowed,
    Unavailable,
)


class PatientNotFound(Problem):
    """Patient not found. Send the id or the record number of one of GET /v1/patients."""

    code = "patient_not_found"
    status = 404


class ResourceRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One route of the API. `run(engine, account, asked, **path)` gives the answer, of the type `answer`; without
    `asked` it gets None."""

    name: str
    path: str
    run: Callable[..., Awaitable[Any]]
    answer: Any
    summary: str
    asked: type[msgspec.Struct] | None = None
    errors: tuple[type[Problem], ...] = LIVE
    method: str = "GET"
    also: tuple[str, ...] = ()
    media: str = "application/json"
    rate: Rate = Rate.READ
    idempotency: Idempotency = Idempotency.NONE
    audit: str = "read"


class OneRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The route of one record: its path with one parameter, the key of its answer, and what it answers if there is no
    such record. `pending` gives the fields of a record that a write is still to make, as far as the request calls them
    otherwise."""

    path: str
    key: str
    missing: type[Problem]
    pending: Callable[[Pending], Mapping[str, Any]] = lambda _: {}


class Within(msgspec.Struct, frozen=True, kw_only=True):
    """A list that belongs to another record: the parameter of its path, what it is, and the filter that it becomes.

    `missing` is answered if the EHR does not know that record.
    """

    parameter: str
    kind: Kind
    filter: str
    missing: type[Problem]


class Resource(msgspec.Struct, Generic[Record], frozen=True, kw_only=True):
    """A list of records, and one of them by its id.

    - `kind` is what our ids of these records are for. Without it they get none. A list of records of several kinds has
      `kind_of`, and the others in `other_kinds`. `named` are the other records in it that get an id.
    - `key` is the key of the list in the answer, `shown` the struct of a row, and `view` makes one of a record.
    - `asked` is the struct of the request. Its fields have the names of the filters, but for those in `filters`: these
      give the filter, and the kind of an id of ours that is resolved first.
    - `pages` is the form of the contract's pages. Without it the whole list is answered.
    - `order` sorts the list by what was asked, and `marked` says on its rows, given the engine and the account, which
      ones a write is changing.
    """

    capability: Capability
    path: str
    summary: str
    key: str
    shown: type[msgspec.Struct]
    view: Callable[[Record, Ids], msgspec.Struct]
    asked: type[msgspec.Struct]
    kind: Kind | None = None
    kind_of: Callable[[Record], Kind] | None = None
    other_kinds: tuple[Kind, ...] = ()
    named: Callable[[Record], Iterable[Named]] = lambda record: ()
    filters: Mapping[str, tuple[str, Kind | None]] = {}
    pages: type[Numbered] | None = None
    order: Callable[[list[Record], Any], list[Record]] | None = None
    marked: Callable[[Any, Account, list[Any]], Awaitable[list[Any]]] | None = None
    one: OneRecord | None = None
    within: Within | None = None
    also: tuple[str, ...] = ()

    @property
    def reads(self) -> Read:
        return READS[self.capability]

    def names(self, record: Record) -> Iterable[Named]:
        """Everything in a record that gets an id of ours."""
        if self.kind:
            yield self.kind_of(record) if self.kind_of else self.kind, record.ehr_id  # type: ignore[attr-defined]
        if patient := getattr(record, "patient_ehr_id", None):
            yield "patient", patient
        yield from self.named(record)


def answer_of(resource: Resource[Any]) -> type[msgspec.Struct]:
    """The struct of a list's answer. `partial` says that the EHR has more than it gives, `partial_reason` why."""
    fields: list[Any] = [(resource.key, list[resource.shown])]  # type: ignore[name-defined]
    fields += [("pagination", resource.pages)] if resource.pages else []
    fields += [("partial", bool, False), ("partial_reason", str | None, None), ("success", bool, True)]
    return msgspec.defstruct(f"{_camel(resource.key)}Answer", fields, frozen=True, kw_only=True)


def one_answer_of(resource: Resource[Any], one: OneRecord) -> type[msgspec.Struct]:
    fields: list[Any] = [(one.key, resource.shown), ("success", bool, True)]
    return msgspec.defstruct(f"{_camel(one.key)}Answer", fields, frozen=True, kw_only=True)


def pending_answer_of(resource: Resource[Any], one: OneRecord) -> type[msgspec.Struct]:
    """The struct of the answer for a record that is not in the EHR yet."""
    fields: list[Any] = [(one.key, pending_shape(resource.shown)), ("job_id", int), ("success", bool, True)]
    return msgspec.defstruct(f"Pending{_camel(one.key)}Answer", fields, frozen=True, kw_only=True)


def errors_of(resource: Resource[Any]) -> tuple[type[Problem], ...]:
    found: list[type[Problem]] = [*LIVE]
    fields = resource.asked.__struct_fields__
    if fields:
        found.append(InvalidRequest)
    if resource.within:
        found.append(resource.within.missing)
    elif "patient_id" in fields:
        found.append(PatientNotFound)
    # An EHR may need a filter that others do not.
    if resource.reads.filters or resource.reads.always:
        found.append(MissingParameters)
    return tuple(dict.fromkeys(found))


def shown_as(shape: type[View], record: msgspec.Struct, **more: Any) -> View:
    """What is shown of a record: the fields that both have by the same name, and `more`."""
    both = (name for name in shape.__struct_fields__ if name in record.__struct_fields__)
    return shape(**{name: getattr(record, name) for name in both} | more)


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.split("_"))
