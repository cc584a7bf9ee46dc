"""Sends a new resource, or a changed one, at most once; and finds what the server holds of it.

Every resource that we make has an identifier of ours (RFC 3986 URI of the type `urn:uuid`). A server that keeps it
shows after a crash that the write arrived. One that shows none may have dropped it, so its silence proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cobalt_link.connector import MayBeHeld, NotJson, NotUnderstood, NotWritten, Reason, RecordNotFound, Written
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.references import local
from cobalt_link.connectors.smart.server import Params, Server
from cobalt_link.connectors.smart.values import Resource, every, text, texts

URIS = "urn:ietf:rfc:3986"
CONFLICT = (409, 412)
# Issue types of servers that failed on the way and may have done it (fhir-oddities 33).
PERHAPS_DONE = ("processing", "exception", "timeout", "incomplete", "transient")
MOST = 200  # records that are looked through for one of ours


def identifier(ref: str) -> dict[str, str]:
    return {"system": URIS, "value": UUID(ref).urn}


def now() -> str:
    """A time with its offset: some servers refuse a day, or a time without one."""
    return datetime.now(UTC).isoformat(timespec="seconds")


async def create(server: Server, resource: Mapping[str, Any]) -> Written:
    """POSTs a resource. The body of the answer is not needed: some servers send none, and the id in `Location`."""
    kind = resource["resourceType"]
    try:
        response = await server.send("POST", server.url(kind, {}), body=clean(resource))
    except FhirRefused as refused:
        if any(each.code in PERHAPS_DONE for each in refused.issues):
            raise NotUnderstood(f"a {kind} that may be there although the answer was {refused}") from None
        raise refusal(refused) from None
    except RecordNotFound:
        raise NotWritten(Reason("NOT_SUPPORTED", f"The EHR does not take a new {kind} here.")) from None
    place = local(server.resolved(response.headers.get("location", "") or "#") or "", server.base)
    if place and place[0] == kind:
        return Written(ehr_id=place[1])
    try:
        body = response.json() if response.body.strip() else None
    except NotJson:
        body = None
    return Written(ehr_id=text(body, "id") if text(body, "resourceType") == kind else None)


def refusal(refused: FhirRefused) -> NotWritten:
    """The server's refusal. Its own words are not passed on: they may quote the chart."""
    if refused.status in CONFLICT:
        return NotWritten(Reason("CONFLICT", "Somebody changed it in the EHR meanwhile. Read it, and send it again."))
    codes = ", ".join(dict.fromkeys(each.code for each in refused.issues if each.is_error))
    return NotWritten(Reason("REFUSED_BY_EHR", f"The EHR refused it ({codes or refused.status})."))


async def held(
    server: Server,
    kind: str,
    ref: str,
    ehr_id: str | None,
    where: Params,
    same: Callable[[Resource], bool] | None = None,
) -> Resource | None:
    """The record of a write: by the id from the answer, else by our identifier among the records `where`, else the one
    that is the `same` in all that matters. Raises MayBeHeld if it may be there and nothing tells which one it is."""
    if ehr_id is not None:
        return await server.read(kind, ehr_id)
    if not server.offered(kind).can("search-type"):
        raise MayBeHeld
    if server.offered(kind).takes("identifier"):
        with suppress(FhirRefused):  # Epic wants a patient named beside it: then the records `where` have to do
            page = await server.all(kind, {"identifier": f"{URIS}|{UUID(ref).urn}"}, most=MOST)
            if found := _ours(page.matches, ref):
                return found
    page = await server.all(kind, where, most=MOST)
    if found := _ours(page.matches, ref):
        return found
    if same is None or page.losses:
        raise MayBeHeld
    return next((each for each in page.matches if same(each)), None)


def clean(value: Any) -> Any:
    """A resource without what is empty, which FHIR forbids."""
    if isinstance(value, Mapping):
        made = {name: clean(each) for name, each in value.items()}
        return {name: each for name, each in made.items() if each not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [made for each in value if (made := clean(each)) not in (None, "", [], {})]
    return value


def to(kind: str, ehr_id: str | None) -> dict[str, str] | None:
    return {"reference": f"{kind}/{ehr_id}"} if ehr_id else None


def signed_in(server: Server) -> dict[str, str] | None:
    """The clinician who signed in, as author."""
    return to("Practitioner", server.session.practitioner)


def _ours(records: list[Resource], ref: str) -> Resource | None:
    urn = UUID(ref).urn
    return next((each for each in records if urn in texts(every(each, "identifier"), "value")), None)
