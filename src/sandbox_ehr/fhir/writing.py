"""Carries out a write, and answers it: with the resource, with nothing, or with a lie that the lab asks for."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sandbox_ehr.api.chart_work import carry_out
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.fhir import searching
from sandbox_ehr.fhir.access import Access, access_of, zone_of
from sandbox_ehr.fhir.answers import answer
from sandbox_ehr.fhir.kinds import Kind
from sandbox_ehr.fhir.oddities.answers import shown
from sandbox_ehr.fhir.oddities.ids import inward, inward_references, outward
from sandbox_ehr.fhir.oddities.writes import answered, does_nothing, stale_status, taken
from sandbox_ehr.fhir.outcome import FhirRefused, Resource, outcome
from sandbox_ehr.fhir.writes.given import client_ref
from sandbox_ehr.fhir.writes.json_patch import patched
from sandbox_ehr.fhir.writes.table import WRITERS, Writer
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.oauth.oddities import active
from sandbox_ehr.oauth.places import places_of
from sandbox_ehr.requests import limited_body

JSON_PATCH = "application/json-patch+json"


async def create(request: Request, kind: Kind) -> Response:
    access, writer = await access_of(request), WRITERS[kind.name]
    resource = await _sent(request, access, kind, "c", writer)
    assert writer.create is not None
    row_id, faults = await carry_out(request, access.session, writer.create, resource, client_ref=client_ref(resource))
    return answered(request, await _answer(request, access, kind, row_id, faults, status=201))


async def update(request: Request, kind: Kind) -> Response:
    """PUT takes the whole resource, PATCH a JSON Patch. If-Match must name the version that is there."""
    access, writer = await access_of(request), WRITERS[kind.name]
    row_id = inward(active(request), request.path_params["id"], kind.name, access.grant.clinic)
    permission = access.require(kind, "u", writer.right)
    before = await searching.one(request, access, kind, row_id, permission)
    version, wanted = f'W/"{before["meta"]["versionId"]}"', request.headers.get("if-match")
    twin = ehr_of(request).twin
    if twin.writes.versions and wanted not in (None, version):
        raise FhirRefused(
            stale_status(request, twin.writes.stale), "conflict", "The resource has changed since this version."
        )
    if request.method == "PATCH":
        resource = patched(before, await _patch(request))
    else:
        resource = await _sent(request, access, kind, "u", writer)
    if resource.get("id") != row_id:
        raise FhirRefused(400, "invalid", "The id of the resource is not that of the address.")
    assert writer.update is not None
    faults = Faults()
    if not does_nothing(request):
        ref = client_ref(resource)
        _, faults = await carry_out(request, access.session, writer.update, row_id, resource, client_ref=ref)
    return answered(request, await _answer(request, access, kind, row_id, faults, status=200))


async def _sent(request: Request, access: Access, kind: Kind, letter: str, writer: Writer) -> Resource:
    permission = access.require(kind, letter, writer.right)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("application/fhir+json", "application/json"):
        raise FhirRefused(415, "not-supported", "Send application/fhir+json.")
    try:
        resource = msgspec.json.decode(await limited_body(request), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise FhirRefused(400, "structure", "The body is not a JSON object.") from None
    resource = inward_references(active(request), resource, access.grant.clinic)
    if resource.get("resourceType") != kind.name:
        raise FhirRefused(400, "invalid", f"Send a {kind.name}.")
    if resource.get("implicitRules") or resource.get("modifierExtension"):
        raise FhirRefused(422, "business-rule", "implicitRules and modifierExtension are not supported.")
    if kind.name != "Patient" and not permission.covers(resource, zone_of(access)):
        raise FhirRefused(403, "forbidden", "The token does not open this patient's record.")
    return taken(request, kind.name, resource)


async def _patch(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_PATCH:
        raise FhirRefused(415, "not-supported", f"Send {JSON_PATCH}.")
    return await limited_body(request)


async def _answer(
    request: Request, access: Access, kind: Kind, row_id: str, faults: Faults, *, status: int
) -> Response:
    if faults.write_error_although_done:
        note_outcome(request, "fault:write_error_although_done")
        return PlainTextResponse("Internal Server Error", 500)
    found = await _written(request, access, kind, row_id)
    version = found["meta"]["versionId"] if found else "1"
    body = "nothing" if faults.write_empty_201 else ehr_of(request).twin.writes.body
    if body == "resource" and found:
        response = answer(shown(request, found), status)
    elif body == "outcome":
        response = answer(outcome("information", "informational", "The resource was written."), status)
    else:
        response = Response(b"", status, media_type="text/html")
    outside = outward(active(request), {"resourceType": kind.name, "id": row_id})["id"]
    response.headers["Location"] = f"{places_of(request).fhir}/{kind.name}/{outside}/_history/{version}"
    if ehr_of(request).twin.writes.versions:
        response.headers["ETag"] = f'W/"{version}"'
    return response


async def _written(request: Request, access: Access, kind: Kind, row_id: str) -> Resource | None:
    """What is there now. An app may write what it may not read."""
    for each in await searching.load(request, access, kind, searching.Hint(ids=(row_id,))):
        if each["id"] == row_id:
            return searching.versioned(each)
    return None
