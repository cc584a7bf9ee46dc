"""Where the authorization server of a FHIR server is (SMART App Launch 2.2, conformance).

Reads `.well-known/smart-configuration`, and the CapabilityStatement only if there is no such document. Discovery
informs and never forbids: servers support what they do not list, and list what they do not support. Only an address
that cannot be used is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from cobalt_link.kit.text import is_web_url
from cobalt_link.net.http import Http, HttpError, HttpResponse, NotJson
from cobalt_link.oauth.errors import NotSmart

WELL_KNOWN = ".well-known/smart-configuration"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
MOST_VALUES = 2000  # of a list: a server publishes some 300 scopes


class SmartConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints are absolute. `base` is the FHIR server's, without a trailing slash. `doubts` are what the document
    got wrong or contradicts, for the operator. `returns_issuer`: each answer of the authorization server names it
    (RFC 9207 §3), so one that does not comes from somebody else."""

    base: str
    authorization_endpoint: str
    token_endpoint: str
    issuer: str | None = None
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    capabilities: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    challenge_methods: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] = ()
    auth_algorithms: tuple[str, ...] = ()
    returns_issuer: bool = False
    doubts: tuple[str, ...] = ()


async def discover(http: Http, base: str) -> SmartConfiguration:
    """The configuration of the FHIR server at `base`. Raises NotSmart, or HttpError if nothing answers there."""
    base = base.rstrip("/")
    response = await _get(http, f"{base}/{WELL_KNOWN}", "application/json")
    if response is not None:
        try:
            return configuration(base, _object(response))
        except NotSmart as why:
            wrong = why
    else:
        wrong = NotSmart(f"{WELL_KNOWN} is not there")
    statement = await _get(http, f"{base}/metadata", "application/fhir+json, application/json")
    if statement is None:
        raise wrong
    try:
        found = configuration(base, _oauth_uris(_object(statement)))
    except NotSmart:
        raise wrong from None
    return msgspec.structs.replace(found, doubts=(wrong.reason, *found.doubts))


def configuration(base: str, document: Mapping[str, Any]) -> SmartConfiguration:
    """What a document says. A relative address belongs to `base` (SMART App Launch 2.2, requirement 379). Raises
    NotSmart if there is no endpoint to sign in at."""
    doubts: list[str] = []

    def endpoint(name: str) -> str | None:
        value = document.get(name)
        if value in (None, ""):
            return None
        url = _address(base, value)
        if url is None:
            doubts.append(f"{name} is not an address that can be used")
        return url

    authorize, token = endpoint("authorization_endpoint"), endpoint("token_endpoint")
    if authorize is None or token is None:
        missing = "authorization_endpoint" if authorize is None else "token_endpoint"
        raise NotSmart(next((each for each in doubts if each.startswith(missing)), f"{missing} is missing"))
    methods = _texts(document, "code_challenge_methods_supported")
    if "S256" not in methods:
        doubts.append("code_challenge_methods_supported does not name S256, which is sent all the same")
    issuer = document.get("issuer")
    return SmartConfiguration(
        base=base,
        authorization_endpoint=authorize,
        token_endpoint=token,
        issuer=issuer if isinstance(issuer, str) and issuer else None,
        jwks_uri=endpoint("jwks_uri"),
        revocation_endpoint=endpoint("revocation_endpoint"),
        introspection_endpoint=endpoint("introspection_endpoint"),
        capabilities=_texts(document, "capabilities"),
        scopes=_texts(document, "scopes_supported"),
        challenge_methods=methods,
        # One vendor publishes both names.
        auth_methods=_texts(document, "token_endpoint_auth_methods_supported", "token_endpoint_auth_methods"),
        auth_algorithms=_texts(document, "token_endpoint_auth_signing_alg_values_supported"),
        returns_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        doubts=tuple(doubts),
    )


async def _get(http: Http, url: str, accept: str) -> HttpResponse | None:
    """None for a document that the server does not have. Anything else that goes wrong is the caller's."""
    response = await http.request("GET", url, headers={"accept": accept})
    return response if response.status == 200 else None


def _object(response: HttpResponse) -> Mapping[str, Any]:
    try:
        document = response.json()
    except NotJson:
        raise NotSmart("the document is not JSON") from None
    if not isinstance(document, dict):
        raise NotSmart("the document is not a JSON object")
    return document


def _address(base: str, value: object) -> str | None:
    """An absolute address that a browser or a client may go to. Plain http only where the FHIR server is plain http: a
    document must not take the connection down."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > 2000:
        return None  # before joining, which drops line breaks
    if value != value.strip() or "#" in value:
        return None
    try:
        url = urljoin(f"{base}/", value)
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    is_downgrade = parts.scheme == "http" and urlsplit(base).scheme == "https"
    return url if is_web_url(url) and not is_downgrade else None


def _texts(document: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """A list of texts. One text with blanks counts as a list too, and what is no text is left out."""
    found: list[str] = []
    for name in names:
        value = document.get(name)
        values: Iterable[object] = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
        found += [each for each in values if isinstance(each, str)]
    return tuple(dict.fromkeys(found))[:MOST_VALUES]


def _oauth_uris(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The addresses in a CapabilityStatement's security extension, under the names of the other document."""
    names = {"authorize": "authorization_endpoint", "token": "token_endpoint", "revoke": "revocation_endpoint",
             "introspect": "introspection_endpoint"}  # fmt: skip
    found: dict[str, Any] = {}
    for rest in _dicts(statement.get("rest")):
        security = rest.get("security")
        for extension in _dicts(security.get("extension") if isinstance(security, dict) else None):
            if extension.get("url") == OAUTH_URIS:
                for each in _dicts(extension.get("extension")):
                    if each.get("url") in names:
                        found[names[each["url"]]] = each.get("valueUri")
    return found


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


__all__ = ["HttpError", "SmartConfiguration", "configuration", "discover"]
