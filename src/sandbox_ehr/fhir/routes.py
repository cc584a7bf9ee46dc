"""Every address of the FHIR server: the CapabilityStatement, reads, searches and writes."""

import base64
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.fhir import bundles, searching, writing
from sandbox_ehr.fhir.access import access_of
from sandbox_ehr.fhir.answers import answer
from sandbox_ehr.fhir.capability import interactions_of, statement
from sandbox_ehr.fhir.kinds import KINDS, Kind
from sandbox_ehr.fhir.oddities import answers as oddities
from sandbox_ehr.fhir.oddities.ids import inward
from sandbox_ehr.fhir.oddities.searches import asked
from sandbox_ehr.fhir.outcome import FhirRefused, of_refusal
from sandbox_ehr.fhir.query import read
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.oauth.oddities import active, too_many_calls
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import limited_body
from sandbox_ehr.twins import Twin

PRACTICE = "Organization/a-1.Practice-1"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = Callable[[Request], Awaitable[Response]]


async def metadata(request: Request) -> Response:
    return answer(statement(request))


async def type_level(request: Request) -> Response:
    """GET searches, POST creates."""
    if request.method == "POST":
        return await writing.create(request, _kind(request, "create"))
    kind = _kind(request, "search-type")
    return await _search(request, kind, request.query_params.multi_items())


async def search_by_post(request: Request) -> Response:
    """The form and the query count together (FHIR R4, http.html, search)."""
    kind = _kind(request, "search-type")
    form = parse_qsl((await limited_body(request)).decode("utf-8", "replace"), keep_blank_values=True)
    twin = ehr_of(request).twin
    query = request.query_params.multi_items()
    return await _search(request, kind, [*form, *([] if twin.ignores_post_query else query)])


async def instance(request: Request) -> Response:
    """GET reads, PUT and PATCH change. A Binary is bytes unless the client asks for JSON (FHIR R4, binary.html)."""
    if request.method in ("PUT", "PATCH"):
        return await writing.update(request, _kind(request, "update" if request.method == "PUT" else "patch"))
    kind = _kind(request, "read")
    access = await access_of(request)
    row_id = inward(active(request), request.path_params["id"], kind.name, access.grant.clinic)
    found = await searching.read(request, access, kind, row_id)
    if kind.name == "Binary":
        oddities.check_binary(request, row_id, found["contentType"])
    if kind.name == "Binary" and "json" not in request.headers.get("accept", ""):
        return Response(base64.b64decode(found["data"]), media_type=found["contentType"])
    response = answer(oddities.shown(request, found))
    if not ehr_of(request).twin.writes.versions:
        del response.headers["ETag"]
        return response
    if request.headers.get("if-none-match") == response.headers.get("etag", "-"):
        return Response(status_code=304, headers={"ETag": response.headers["etag"]})
    response.headers["Content-Location"] = f"{request.url.path}/_history/{found['meta']['versionId']}"
    return response


async def nothing(request: Request) -> Response:
    raise FhirRefused(404, "not-supported", f"This server does not know {request.method} {request.url.path}.")


async def other_tenant(request: Request) -> Response:
    raise FhirRefused(403, "forbidden", "This tenant is not known here.")


def _check_call(request: Request) -> None:
    """What a twin wants of every call. Raises FhirRefused."""
    twin, accept = ehr_of(request).twin, request.headers.get("accept", "*/*")
    # Raw, because the slash in it must not be encoded.
    query = request.scope["query_string"].decode("latin-1").split("&")
    if too_many_calls(request):
        raise FhirRefused(429, "throttled", "Too many calls.")
    practice = twin.practice or (PRACTICE if "fhir_49" in active(request) else "")
    if practice and request.url.path != f"{twin.fhir}/metadata" and f"ah-practice={practice}" not in query:
        raise FhirRefused(403, "forbidden", "ah-practice is missing, or is no practice of this app.")
    if twin.only_json and "/Binary/" not in request.url.path and "json" not in accept and "*/*" not in accept:
        raise FhirRefused(406, "not-supported", "This server speaks JSON only.")


async def _search(request: Request, kind: Kind, pairs: list[tuple[str, str]]) -> Response:
    ehr, access = ehr_of(request), await access_of(request)
    now, offset, cursor = ehr.clock.now(), 0, dict(pairs).get(ehr.twin.paging.cursor, "")
    if cursor:
        oddities.check_page(request)
        page = bundles.cursor_of(cursor)
        pairs, offset, now = list(page.pairs), page.offset, page.at
    else:
        pairs = asked(request, kind.name, pairs, access.grant.clinic)
    query = read(kind, pairs, ehr.twin, offset)
    query = msgspec.structs.replace(query, count=oddities.page_size(request, query.count))
    if query.unknown and "handling=strict" in request.headers.get("prefer", ""):
        raise FhirRefused(400, "not-supported", f"Unknown parameters: {', '.join(query.unknown)}.")
    found = await searching.find(request, access, kind, query)
    return answer(oddities.bundled(request, bundles.bundle(request, query, found, now), found.total))


def _kind(request: Request, interaction: str) -> Kind:
    kind = KINDS.get(request.path_params["kind"])
    if kind is None or interaction not in interactions_of(kind, ehr_of(request).twin):
        raise FhirRefused(404, "not-supported", f"This server has no {interaction} of {request.path_params['kind']}.")
    return kind


def _answered(handler: Handler) -> Handler:
    """The same handler, whose refusals are OperationOutcomes."""

    async def answered(request: Request) -> Response:
        try:
            _check_call(request)
            return await handler(request)
        except RequestRefused as error:
            note_outcome(request, error.refusal.error)
            return answer(of_refusal(error.refusal), error.refusal.status)
        except FhirRefused as error:
            note_outcome(request, error.code)
            response = answer(error.body, error.status)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = 'Bearer realm="Sandbox EHR", error="invalid_token"'
            return response

    return answered


def routes(twin: Twin) -> list[Route]:
    base = twin.fhir
    return [
        Route(f"{base}/metadata", _answered(metadata), methods=["GET"]),
        Route(f"{base}/{{kind}}/_search", _answered(search_by_post), methods=["POST"]),
        Route(f"{base}/{{kind}}", _answered(type_level), methods=["GET", "POST"]),
        Route(f"{base}/{{kind}}/{{id}}", _answered(instance), methods=["GET", "PUT", "PATCH"]),
        Route(f"{base}/{{rest:path}}", _answered(nothing), methods=METHODS),
        *([Route(f"{twin.tenants}/{{rest:path}}", _answered(other_tenant), methods=METHODS)] if twin.tenants else []),
    ]
