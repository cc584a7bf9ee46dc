"""Finds resources: loads the rows, filters, sorts, and adds what the query includes."""

import sqlite3
from collections.abc import Iterable

import msgspec
from starlette.requests import Request

from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.fhir.access import Access, Permission, zone_of
from sandbox_ehr.fhir.hint import Hint
from sandbox_ehr.fhir.kinds import KINDS, Kind
from sandbox_ehr.fhir.oddities.answers import hidden
from sandbox_ehr.fhir.outcome import FhirRefused, Resource
from sandbox_ehr.fhir.parameters import parameters_of
from sandbox_ehr.fhir.query import Query, hint_of
from sandbox_ehr.fhir.values import at, versioned
from sandbox_ehr.login.chart_access import in_chart, in_schedule


class Found(msgspec.Struct, frozen=True):
    """One page of matches, with what goes with it. `total` counts all matches."""

    total: int
    matches: list[Resource]
    included: list[Resource]


async def find(request: Request, access: Access, kind: Kind, query: Query) -> Found:
    permission, zone = access.require(kind, "s", kind.right), zone_of(access)
    hint = hint_of(query, kind, permission.only_patient, zone)
    found = await load(request, access, kind, hint)
    allowed = hidden(request, [each for each in found if permission.covers(each, zone)])
    matches = [each for each in allowed if all(one.matches(each, zone) for one in query.criteria)]
    page = _sorted(matches, kind, query)[query.offset : query.offset + query.count]
    included = await _included(request, access, query, page)
    return Found(len(matches), [versioned(each) for each in page], [versioned(each) for each in included])


async def read(request: Request, access: Access, kind: Kind, row_id: str) -> Resource:
    """Raises FhirRefused: 404 also for what the token may not see, so that ids reveal nothing."""
    permission = access.require(kind, "r", kind.right)
    return await one(request, access, kind, row_id, permission)


async def one(request: Request, access: Access, kind: Kind, row_id: str, permission: Permission) -> Resource:
    for each in await load(request, access, kind, Hint(ids=(row_id,))):
        if each["id"] == row_id and permission.covers(each, zone_of(access)):
            return versioned(each)
    raise FhirRefused(404, "not-found", f"There is no {kind.name}/{row_id}.")


async def load(request: Request, access: Access, kind: Kind, hint: Hint) -> list[Resource]:
    ehr = ehr_of(request)
    work = in_chart if kind.paperwork else in_schedule
    return await work(ehr.database, access.session, ehr.clock.now(), _loaded, kind, hint)


def _loaded(connection: sqlite3.Connection, context: ChartContext, kind: Kind, hint: Hint) -> list[Resource]:
    wanted = set(hint.ids)
    return [each for each in kind.load(connection, context, hint) if not wanted or each["id"] in wanted]


def _sorted(found: list[Resource], kind: Kind, query: Query) -> list[Resource]:
    """By what the query says, otherwise by time. The id settles what is equal, so that pages never overlap."""
    for name in reversed((query.sort or kind.order or "_id").split(",")):
        parameter = parameters_of(kind.name).get(name.lstrip("-"))
        if parameter is None:
            raise FhirRefused(400, "invalid", f"_sort does not know {name}.")

        def key(resource: Resource, paths: tuple[str, ...] = parameter.paths) -> tuple[str, str]:
            values = sorted(str(value) for path in paths for value in at(resource, path))
            return (values[0] if values else "", resource["id"])

        found = sorted(found, key=key, reverse=name.startswith("-"))
    return found


async def _included(request: Request, access: Access, query: Query, page: list[Resource]) -> list[Resource]:
    """What the matches point to. One round for `_include`, and more as long as `:iterate` finds something."""
    seen, added = {(each["resourceType"], each["id"]) for each in page}, list[Resource]()
    newest: Iterable[Resource] = page
    while query.includes and newest:
        targets = {pair for each in newest for text in query.includes for pair in _targets(each, text)}
        newest = [
            resource
            for kind, row_id in sorted(targets - seen)
            if (resource := await _visible(request, access, kind, row_id)) is not None
        ]
        seen |= targets
        added += newest
    return added


def _targets(resource: Resource, include: str) -> set[tuple[str, str]]:
    """`Appointment:patient`, `Appointment:actor:Practitioner`, or `*`."""
    kind, _, rest = include.partition(":")
    name, _, target = rest.partition(":")
    if kind not in ("*", resource["resourceType"]):
        return set()
    found: set[tuple[str, str]] = set()
    for parameter in parameters_of(resource["resourceType"]).values():
        if parameter.kind == "reference" and (kind == "*" or name in ("*", parameter.name)):
            wanted = target or parameter.target
            values = [value for path in parameter.paths for value in at(resource, path)]
            pairs = [value["reference"].split("/")[-2:] for value in values if "/" in value.get("reference", "")]
            found |= {(pair[0], pair[1]) for pair in pairs if not wanted or pair[0] == wanted}
    return found


async def _visible(request: Request, access: Access, kind_name: str, row_id: str) -> Resource | None:
    """Nothing if the token may not read it: an include must open no more than a read."""
    kind = KINDS.get(kind_name)
    try:
        return await read(request, access, kind, row_id) if kind else None
    except FhirRefused:
        return None
