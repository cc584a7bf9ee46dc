"""Searchset Bundles, page by page. A cursor is opaque to the client, and holds the whole search."""

import base64
import binascii
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.fhir.oddities.answers import shown
from sandbox_ehr.fhir.outcome import FhirRefused, Resource, outcome
from sandbox_ehr.fhir.query import Pairs, Query
from sandbox_ehr.fhir.searching import Found
from sandbox_ehr.oauth.places import places_of


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """`at` is when the first page was read, in seconds since 1970 by the EHR's clock."""

    pairs: Pairs
    offset: int
    at: float


def bundle(request: Request, query: Query, found: Found, at: float) -> Resource:
    twin, base = ehr_of(request).twin, f"{places_of(request).fhir}/{query.kind}"
    links = [{"relation": "self", "url": f"{base}?{urlencode(query.pairs)}".rstrip("?")}]
    end = query.offset + query.count
    if query.count and end < found.total:
        cursor = Cursor(query.pairs, end, at)
        links.append({"relation": "next", "url": f"{base}?{urlencode({twin.paging.cursor: written(cursor)})}"})
    total = {"total": found.total} if twin.paging.says_total else {}
    warned = [_warning(name) for name in query.unknown]
    entries = [
        *(_entry(request, each, "match") for each in found.matches),
        *(_entry(request, each, "include") for each in found.included),
        *({"resource": each, "search": {"mode": "outcome"}} for each in warned),
    ]
    whole: Resource = {"resourceType": "Bundle", "type": "searchset", **total, "link": links}
    return whole | ({"entry": entries} if entries else {})


def written(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def cursor_of(text: str) -> Cursor:
    """Raises FhirRefused for a text that this server did not write."""
    try:
        padded = text + "=" * (-len(text) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Cursor)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise FhirRefused(400, "invalid", "This page is unknown. Search again.") from None


def _entry(request: Request, resource: Resource, mode: str) -> Resource:
    sent = shown(request, resource)
    url = f"{places_of(request).fhir}/{sent['resourceType']}/{sent['id']}"
    return {"fullUrl": url, "resource": sent, "search": {"mode": mode}}


def _warning(name: str) -> Resource:
    return outcome("warning", "not-supported", f"The parameter {name} is not known here and was ignored.")
