"""Reads the lists that a connector declares, with what each needs: days, a patient, an eligibility check."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

from cobalt_link.conformance.lines import at_key
from cobalt_link.conformance.report import Fault
from cobalt_link.connector.models import READS, Capability, DocumentFile, DocumentQuery, PatientQuery
from cobalt_link.connector.models.reading import FilterMatch
from cobalt_link.connector.topics import withheld

DAYS = timedelta(days=45)
MOST_PATIENTS = 40
SEVERAL = 4  # records, so that a filter leaves some out
UNKNOWN_ID = "999999999"


async def given(records: Any) -> Any:
    """What a method of a connector gives, with an async generator read to its end."""
    return [each async for each in records] if isinstance(records, AsyncIterator) else await records


def small_call(method: str, today: date) -> tuple[Any, ...]:
    """Arguments for a call that finds next to nothing: of a capability's method, or of `appointment`."""
    if method in ("appointment", "document_files"):
        return (UNKNOWN_ID,)
    query = READS[method].query  # type: ignore[index]
    if query is None:
        return ()
    days = {name: today for name in ("start", "end", "start_date", "end_date") if name in query.__struct_fields__}
    others = {"check_ehr_id": UNKNOWN_ID, "patient_mrn": UNKNOWN_ID, "limit": 1}
    return (query(**days, **{name: value for name, value in others.items() if name in query.__struct_fields__}),)


async def sample(connector: Any, chart: Any, capability: Capability, today: date) -> tuple[dict[str, Any], Any]:
    """A query that finds several records, else the one that finds most, and what the method gives for it."""
    read = READS[capability]
    method = getattr(connector, capability)
    if read.query is None:
        return {}, await given(method(chart))
    best: tuple[dict[str, Any], Any] = {}, []
    async for query in _queries(connector, chart, capability, today):
        found = await given(method(chart, read.query(**query)))
        if not isinstance(found, list):
            return query, found
        if len(found) > len(best[1]):
            best = query, found
        if len(found) >= SEVERAL:
            break
    return best


async def _queries(connector: Any, chart: Any, capability: Capability, today: date) -> AsyncIterator[dict[str, Any]]:
    read, reads = READS[capability], connector.manifest.reads
    needed = {*read.always, *connector.manifest.required.get(capability, ()), *read.unfiltered}
    days = {name: today + way * DAYS for name, way in (("start_date", -1), ("end_date", 1)) if name in needed}
    if "check_ehr_id" in needed:
        for each in (await sample(connector, chart, "eligibility_checks", today))[1]:
            yield days | {"check_ehr_id": each.ehr_id}
    elif "patient_mrn" in needed:
        by_id = "patient_ehr_id" in reads[capability] and "patient_mrn" not in reads[capability]
        page = await given(connector.patients(chart, PatientQuery(limit=MOST_PATIENTS)))
        for each in list(getattr(page, "items", page))[:MOST_PATIENTS]:
            yield days | ({"patient_ehr_id": each.ehr_id} if by_id else {"patient_mrn": each.mrn})
    else:
        yield days


async def misread_list(connector: Any, chart: Any, capability: Capability, today: date) -> AsyncIterator[str | Fault]:
    """What is wrong with a list: its records, its filters."""
    read = READS[capability]
    query, rows = await sample(connector, chart, capability, today)
    assert read.record is not None
    if not isinstance(rows, list) or not all(isinstance(row, read.record) for row in rows):
        yield f"{capability} does not return a list of {read.record.__name__}."
        return
    if read.query is None:
        return
    if not rows:
        yield f"There are no {capability}. Use a login that sees some."
        return
    for topic in connector.manifest.without:
        if withheld(rows, frozenset({topic})) != rows:
            yield f"The records say something on {topic}, and the API drops it. Remove {topic} from without."
    where = at_key(connector.folder / "manifest.toml", capability, "reads")
    for name in connector.manifest.reads[capability]:
        if name not in query:
            async for text in _filter(connector, chart, capability, (query, rows), name):
                yield Fault(text, where)


async def _filter(
    connector: Any, chart: Any, capability: Capability, whole: tuple[dict[str, Any], list[Any]], name: str
) -> AsyncIterator[str]:
    read, (query, rows) = READS[capability], whole
    match = FilterMatch(("updated_at",), _since) if name == "updated_since" else read.matches.get(name)
    if match is None or not all(field in rows[0].__struct_fields__ for field in match.fields):
        return
    values = [_value(row, match) for row in rows]
    value = next((each for each in values if each and not all(match(row, each) for row in rows)), None)
    if value is None:
        yield f"No {capability} prove the filter {name}: it would leave none out. Use a login that sees such records."
        return
    assert read.query is not None
    only = await given(getattr(connector, capability)(chart, read.query(**query, **{name: value})))
    left = {row.ehr_id for row in only} if only and hasattr(only[0], "ehr_id") else {*map(repr, only)}
    right = {getattr(row, "ehr_id", None) or repr(row) for row in rows if match(row, value)}
    if left != right:
        yield f"{capability} are not filtered by {name}. Send it to the EHR, or do not declare it."


def _value(row: Any, match: FilterMatch) -> Any:
    value = getattr(row, match.fields[0])
    return value.date() if isinstance(value, datetime) and match.test is not _since else value


def _since(value: datetime | None, wanted: datetime) -> bool:
    return value is not None and value >= wanted


async def misread_files(connector: Any, chart: Any) -> AsyncIterator[str]:
    """What is wrong with the files of documents."""
    if await connector.document_files(chart, UNKNOWN_ID) is not None:
        yield f"document_files gives a file for the id {UNKNOWN_ID}, which does not exist. Return None."
    if "documents" not in connector.manifest.reads:
        return
    rows = await given(connector.documents(chart, DocumentQuery()))
    for row in rows[:1]:
        found = await connector.document_files(chart, row.ehr_id)
        if not isinstance(found, DocumentFile) or not isinstance(found.content, bytes):
            yield "document_files does not return the DocumentFile of a document that documents listed."
