"""One request to the EHR's own FHIR, as an app wrote it: within the granted scopes, and to this server alone."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from cobalt_link.connector import (
    FhirRequest,
    FhirResponse,
    HttpResponse,
    NoRights,
    NotJson,
    NotUnderstood,
    SessionEnded,
    Unsupported,
)
from cobalt_link.connectors.smart.server import JSON, Server
from cobalt_link.connectors.smart.values import text

# FHIR R4, http: the interactions on one type. Not the batch and the operations ($…), whose scopes nobody can tell.
_TYPE, _ID = r"[A-Z][A-Za-z]{1,63}", r"[A-Za-z0-9\-._]{1,256}"
_INTERACTIONS = (
    ("GET", re.compile(rf"({_TYPE})/{_ID}(?:/_history(?:/{_ID})?)?"), "r"),
    ("GET", re.compile(rf"({_TYPE})"), "s"),
    ("POST", re.compile(rf"({_TYPE})/_search"), "s"),
    ("POST", re.compile(rf"({_TYPE})"), "c"),
    ("PUT", re.compile(rf"({_TYPE})/{_ID}"), "u"),
)
KEPT = ("content-type", "etag", "last-modified", "retry-after")
SENT = ("accept", "content-type", "if-match", "if-none-match", "if-modified-since", "if-none-exist", "prefer")


async def passed(server: Server, request: FhirRequest) -> FhirResponse:
    kind, letter = interaction(request)
    if kind is not None and not server.session.granted.allows(kind, letter):
        raise NoRights(f"{kind}.{letter}")
    query = urlencode(_filled(server, request.query), safe="/:,|", quote_via=quote)
    url = f"{server.base}/{request.path}{'?' if query else ''}{query}"
    if not server.is_here(url):
        raise Unsupported(what=f"the FHIR path {request.path[:100]}")
    headers = {"accept": JSON} | {name: value for name, value in request.headers.items() if name in SENT}
    headers["authorization"] = f"Bearer {server.session.access_token}"
    response = await server.http.request(request.method, url, headers=headers, content=request.body)
    if response.status == 401:
        raise SessionEnded
    if 300 <= response.status < 400 and response.status != 304:
        raise NotUnderstood(f"{response.status}, a redirect")
    return FhirResponse(status=response.status, headers=_headers(server, response), body=_body(server, response))


def interaction(request: FhirRequest) -> tuple[str | None, str]:
    """The resource type and the letter of its scope. No type for the server's own statement, which is public."""
    if (request.method, request.path) == ("GET", "metadata"):
        return None, "r"
    for method, path, letter in _INTERACTIONS:
        if method == request.method and (found := path.fullmatch(request.path)):
            return found[1], letter
    raise Unsupported(what=f"{request.method} of the FHIR path {request.path[:100]}")


def _filled(server: Server, query: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """With the vendor's parameters of every call, unless the app sent them."""
    given = {name for name, _ in query}
    return [(name, value) for name, value in server.always() if name not in given] + list(query)


def _headers(server: Server, response: HttpResponse) -> dict[str, str]:
    kept = {name: value for name in KEPT if (value := response.headers.get(name))}
    location = _relative(server, response.headers.get("location") or "")
    return kept | ({"location": location} if location else {})


def _body(server: Server, response: HttpResponse) -> bytes:
    """As it is, but for the links of a bundle: nobody but we can follow them. One that leads elsewhere is left out."""
    if b'"Bundle"' not in response.body[:2000] and b'"link"' not in response.body:
        return response.body
    try:
        bundle: Any = response.json()
    except NotJson:
        return response.body
    if text(bundle, "resourceType") != "Bundle" or not isinstance(bundle.get("link"), list):
        return response.body
    links = [{**each, "url": url} for each in bundle["link"]
             if isinstance(each, dict) and (url := _relative(server, str(each.get("url", ""))))]  # fmt: skip
    return msgspec.json.encode({**bundle, "link": links})


def _relative(server: Server, link: str) -> str | None:
    """A link below the base, without the base. None for one that leads elsewhere."""
    url = server.resolved(link) if link else None
    if url is None:
        return None
    base, parts = urlsplit(server.base), urlsplit(url)
    path = parts.path[len(base.path) :].lstrip("/")
    return f"{path}{'?' if parts.query else ''}{parts.query}" or None
