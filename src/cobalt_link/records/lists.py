"""Reads the records of a resource from any connector: a list, a page of it, or one record.

What the EHR lacks is done here: filters that the records can answer, the order, pages, the patient named either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.json_api import RecordNotFound
from cobalt_link.records.asked import as_in_query
from cobalt_link.records.days import MissingParameters
from cobalt_link.records.engine import Ids, RecordsEngine, Source
from cobalt_link.records.gathering import Gathered, gathered
from cobalt_link.records.ids import EHR_ID, Named
from cobalt_link.records.named_patient import PATIENT, Filter, patient_filter, patient_named
from cobalt_link.records.pending import pending_shape, shown_as_pending
from cobalt_link.records.resource import (
    LIVE,
    OneRecord,
    Resource,
    ResourceRoute,
    answer_of,
    errors_of,
    one_answer_of,
    pending_answer_of,
)
from cobalt_link.records.times import placed_times, zone_of

# As many records of an EHR with pages as we read at once to apply a filter that it lacks.
MOST = 500


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A list as a caller wants it. `first` is how many records stand before the page, `size` its length; None is the
    whole list."""

    filters: Mapping[str, Any]
    patient: Filter | None = None
    first: int = 0
    size: int | None = None
    asked: msgspec.Struct | None = None


class Reading:
    """One account's reads of one resource."""

    def __init__(self, engine: RecordsEngine, account: Account, resource: Resource[Any]) -> None:
        self._engine = engine
        self._account = account
        self._resource = resource

    async def read(self, wanted: Wanted) -> tuple[Gathered, Ids]:
        zone = (await self._engine.org_settings(self._account)).time_zone

        async def step(connector: Any, chart: Chart) -> Gathered:
            found = await self._found(connector, chart, wanted)
            practice, shown = zone_of(chart.zone or zone), zone_of(zone or chart.zone)
            return found._replace(rows=[placed_times(each, practice, shown) for each in found.rows])

        return await self._engine.read(self._account, self._source(), step)

    async def _found(self, connector: Any, chart: Chart, wanted: Wanted) -> Gathered:
        filters, capability = dict(wanted.filters), self._resource.capability
        if wanted.patient:
            name, value = await patient_filter(
                self._engine, self._account, capability, wanted.patient, connector, chart
            )
            filters[name] = value
        method, query = getattr(connector, capability), self._resource.reads.query
        if query is None:
            return self._page(await gathered(method(chart)), wanted, {})
        ours = {name: filters.pop(name) for name in self._left_to_us(filters)}
        if not ours and "limit" in query.__struct_fields__ and wanted.size is not None:
            page = await gathered(method(chart, query(**filters, offset=wanted.first, limit=wanted.size)))
            return self._page(page, wanted, {}) if page.whole else page
        if "limit" in query.__struct_fields__:
            filters |= {"offset": 0, "limit": MOST}
        return self._page(await self._understood(method(chart, query(**filters))), wanted, ours)

    def _page(self, found: Gathered, wanted: Wanted, ours: Mapping[str, Any]) -> Gathered:
        """The asked page of all that the EHR gave, with our filters applied."""
        if ours and not found.whole:
            raise self._engine.cannot_filter(self._account, self._resource.capability, ours)
        matches, order = self._resource.reads.matches, self._resource.order
        rows = [row for row in found.rows if all(matches[name](row, value) for name, value in ours.items())]
        rows = order(rows, wanted.asked) if order and wanted.asked else rows
        part = rows if wanted.size is None else rows[wanted.first :][: wanted.size]
        return Gathered(part, len(rows), found.partial)

    async def _understood(self, records: Any) -> Gathered:
        try:
            return await gathered(records)
        except RecordNotFound:
            if self._resource.within is None:
                raise
            raise self._resource.within.missing from None

    def _source(self) -> Source[Gathered]:
        def named(found: Gathered) -> list[Named]:
            return [name for row in found.rows for name in self._resource.names(row)]

        return Source(self._resource.capability, named, frozenset(self._resource.reads.matches))

    def _left_to_us(self, filters: Mapping[str, Any]) -> frozenset[str]:
        reads = self._resource.reads
        always = {*reads.always} | ({*PATIENT} if "patient_mrn" in reads.always else set())
        asked = [name for name in filters if name in reads.filters and name not in always]
        return self._engine.left_to_us(self._account, self._source(), asked)


async def read_list(
    engine: RecordsEngine, account: Account, resource: Resource[Any], asked: Any, path: Mapping[str, str]
) -> dict[str, Any]:
    """What the answer of a list holds. Raises MissingParameters for a filter that the contract or the EHR needs."""
    engine.declared(account, resource.capability)
    wanted = await _wanted(engine, account, resource, asked, path)
    found, ids = await Reading(engine, account, resource).read(wanted)
    answer: dict[str, Any] = {resource.key: await _views(engine, account, resource, found.rows, ids)}
    if resource.pages:
        answer["pagination"] = resource.pages.of(asked.page, asked.page_size, found.total)
    return answer | {"partial": found.partial is not None, "partial_reason": found.partial}


async def read_one(
    engine: RecordsEngine, account: Account, resource: Resource[Any], one: OneRecord, either_id: str
) -> msgspec.Struct:
    """One record by our id or the EHR's own, or what is known of one that a write is still to make. Raises
    `one.missing`."""
    declared = engine.declared(account, resource.capability)
    kinds = (resource.kind or "", *resource.other_kinds)
    ehr_id = next(filter(None, [await engine.ours(account, kind, either_id) for kind in kinds]), either_id)
    if ehr_id is either_id and (pending := await engine.pending(account, kinds, either_id)):
        return shown_as_pending(resource.shown, pending, one.pending(pending))
    if not EHR_ID.fullmatch(ehr_id):
        raise one.missing
    needed = _needed(engine, account, resource)
    if needed and declared is not None and "ehr_id" not in declared:
        name, what = engine.ehr_name(account), one.key.replace("_", " ")
        raise NotSupported(f"{name} cannot read one {what} by its id. Read the list with {', '.join(needed)}.")
    found, ids = await Reading(engine, account, resource).read(Wanted(filters={"ehr_id": ehr_id}, size=MOST))
    rows = [row for row in found.rows if row.ehr_id == ehr_id]
    for view in await _views(engine, account, resource, rows[:1], ids):
        return view
    raise one.missing


async def _views(
    engine: RecordsEngine, account: Account, resource: Resource[Any], rows: list[Any], ids: Ids
) -> list[Any]:
    views = [resource.view(each, ids) for each in rows]
    return await resource.marked(engine, account, views) if resource.marked and views else views


async def _wanted(
    engine: RecordsEngine, account: Account, resource: Resource[Any], asked: Any, path: Mapping[str, str]
) -> Wanted:
    reads, within = resource.reads, resource.within
    of_patient, filters = bool(PATIENT.keys() & reads.filters), dict[str, Any]()
    for name in asked.__struct_fields__:
        value = getattr(asked, name)
        field, kind = resource.filters.get(name, (name, None))
        if value is None or field not in reads.filters or (of_patient and field in PATIENT):
            continue
        value = await engine.resolve(account, kind, value) if kind else value
        filters[field] = as_in_query(value, reads.query, field, name) if reads.query else value
    our_id = getattr(asked, "patient_id", None) if of_patient else None
    sent = our_id or (getattr(asked, "patient_mrn", None) if of_patient else None)
    if within and within.kind == "patient":
        sent = path[within.parameter]
    elif within:
        filters[within.filter] = await engine.resolve(account, within.kind, path[within.parameter])
        if not EHR_ID.fullmatch(filters[within.filter]):
            raise within.missing
    patient = await patient_named(engine, account, sent, by_id=bool(our_id)) if sent else None
    _check(engine, account, resource, {*filters, *(["patient_mrn"] if patient else [])})
    if resource.pages is None:
        return Wanted(filters=filters, patient=patient, asked=asked)
    first = (asked.page - 1) * asked.page_size
    return Wanted(filters=filters, patient=patient, first=first, size=asked.page_size, asked=asked)


def _check(engine: RecordsEngine, account: Account, resource: Resource[Any], given: set[str]) -> None:
    shown = {field: name for name, (field, _) in resource.filters.items()}
    if missing := [shown.get(each, each) for each in _needed(engine, account, resource) if each not in given]:
        raise MissingParameters(f"Missing required parameters: {', '.join(missing)}.")


def _needed(engine: RecordsEngine, account: Account, resource: Resource[Any]) -> list[str]:
    """The filters that the contract or the EHR needs."""
    manifest = engine.manifest(account)
    by_ehr = manifest.required.get(resource.capability, ()) if manifest else ()
    return [*dict.fromkeys((*resource.reads.always, *by_ehr))]


def endpoints(resource: Resource[Any]) -> tuple[ResourceRoute, ...]:
    """The routes of a resource."""
    answer, errors = answer_of(resource), errors_of(resource)

    async def run(engine: RecordsEngine, account: Account, asked: Any, **path: str) -> Any:
        return answer(**await read_list(engine, account, resource, asked, path))

    listing = ResourceRoute(
        name=f"list_{resource.capability}",
        path=resource.path,
        also=resource.also,
        run=run,
        asked=resource.asked,
        answer=answer,
        errors=errors,
        summary=resource.summary,
    )
    return (listing, *([_one(resource, resource.one)] if resource.one else []))


def _one(resource: Resource[Any], one: OneRecord) -> ResourceRoute:
    answer, pending = one_answer_of(resource, one), pending_answer_of(resource, one)
    words = one.key.replace("_", " ")

    async def run(engine: RecordsEngine, account: Account, asked: None, **path: str) -> Any:
        (either_id,) = path.values()
        found = await read_one(engine, account, resource, one, either_id)
        if isinstance(found, pending_shape(resource.shown)):
            return pending(**{one.key: found, "job_id": found.job_id})  # type: ignore[attr-defined]
        return answer(**{one.key: found})

    return ResourceRoute(
        name=f"show_{one.key}",
        path=one.path,
        run=run,
        answer=answer | pending,
        errors=(*LIVE, one.missing),
        summary=f"Read one {words} by its id: ours or the EHR's own.",
    )
