"""Who sees patients, and where. Servers that list neither give those that the signed-in clinician works with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cobalt_link.connector import Location, NoRights, Provider, Stream
from cobalt_link.connectors.smart.bundles import Page
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.names import name_of, npi_of
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.references import Reference, references
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.values import Resource, every, text, texts, truth

MOST = 2000
ACTIVE = ("active", None)


async def providers(server: Server) -> Stream[Provider]:
    losses = Losses()
    records = await _listed(server, "Practitioner", losses)
    if records is None:
        records = await _of_roles(server, "Practitioner", "practitioner", losses)
        losses.say("The EHR does not list its practitioners: these are the ones that this user works with.")
    for each in losses.each(_once(records), _provider):
        yield each
    losses.end()


async def locations(server: Server) -> Stream[Location]:
    losses = Losses()
    records = await _listed(server, "Location", losses)
    if records is None:
        records = await _of_roles(server, "Location", "location", losses)
        losses.say("The EHR does not list its locations: these are the ones that this user works at.")
    for each in losses.each(_once(records), _location):
        yield each
    losses.end()


def _provider(record: Resource) -> Provider:
    return Provider(
        ehr_id=text(record, "id") or "",
        name=name_of(record, datetime.now(UTC).date()).sorted,
        npi=npi_of(record),
        active=truth(record, "active") is not False,
    )


def _location(record: Resource) -> Location:
    lines = texts(record, "address.line")
    return Location(
        ehr_id=text(record, "id") or "",
        name=text(record, "name", "alias", "description") or "",
        active=text(record, "status") in ACTIVE,
        address1=lines[0] if lines else None,
        address2=", ".join(lines[1:]) or None,
        city=text(record, "address.city"),
        state=text(record, "address.state"),
        zip=text(record, "address.postalCode"),
        phone=_telecom(record, "phone"),
        fax=_telecom(record, "fax"),
    )


async def _listed(server: Server, kind: str, losses: Losses) -> list[Resource] | None:
    """All of a type. None if the server has no such list, or none without a name to look for."""
    if not server.offered(kind).can("search-type") and server.offered(kind).interactions:
        return None
    try:
        page = await server.all(kind, {}, most=MOST)
    except FhirRefused:
        return None
    losses.say(*page.losses)
    return page.matches


async def _of_roles(server: Server, kind: str, path: str, losses: Losses) -> list[Resource]:
    """Those in the roles of the clinician who signed in, and that clinician."""
    own = server.session.practitioner
    if own is None:
        return []
    page = await _roles(server, own)
    found = [ref for each in page.matches for ref in references(each, path, server.base)]
    wanted = [*([own] if kind == "Practitioner" else []), *(ref.id for ref in found if ref.id)]
    included = {ehr_id: record for (of, ehr_id), record in page.included.items() if of == kind}
    records = [included.get(each) or await _read(server, kind, each, found, losses) for each in dict.fromkeys(wanted)]
    return [each for each in records if each]


async def _roles(server: Server, own: str) -> Page:
    if not server.offered("PractitionerRole").can("search-type"):
        return Page()
    try:
        return await server.all("PractitionerRole", {"practitioner": own}, most=100)
    except (FhirRefused, NoRights):
        return Page()


async def _read(server: Server, kind: str, ehr_id: str, known: Iterable[Reference], losses: Losses) -> Resource | None:
    """A record, or what a reference says of it if this user may not read it."""
    try:
        if record := await server.read(kind, ehr_id):
            return record
    except NoRights:
        losses.lacks(kind, "nothing but a name for this user")
    display = next((each.display for each in known if each.id == ehr_id and each.display), None)
    names = {"name": [{"text": display}] if kind == "Practitioner" else display}
    return {"resourceType": kind, "id": ehr_id, **names} if display else None


def _once(records: Iterable[Resource]) -> Iterable[Resource]:
    return {str(each.get("id")): each for each in records}.values()


def _telecom(record: Resource, system: str) -> str | None:
    return next((text(each, "value") for each in every(record, "telecom") if text(each, "system") == system), None)
