"""Where this server is, as its clients see it, and the way back to them."""

from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request

from sandbox_ehr.ehr import ehr_of


class Places(msgspec.Struct, frozen=True):
    """Absolute addresses, without a trailing slash."""

    origin: str
    fhir: str
    authorize: str
    token: str
    revoke: str
    introspect: str
    jwks: str
    issuer: str


def places_of(request: Request) -> Places:
    twin = ehr_of(request).twin
    origin = f"{request.url.scheme}://{request.url.netloc}"
    return Places(
        origin=origin,
        fhir=origin + twin.fhir,
        authorize=origin + twin.authorize,
        token=origin + twin.token,
        revoke=origin + twin.revoke,
        introspect=origin + twin.introspect,
        jwks=origin + twin.jwks,
        issuer=twin.issuer.format(origin=origin) or origin,
    )


def address_back(request: Request, redirect_uri: str, said: dict[str, str], state: str) -> str:
    """Where the browser goes with an answer, which names its issuer (RFC 9207)."""
    issuer = {"iss": places_of(request).issuer} if ehr_of(request).twin.says_issuer else {}
    query = urlencode(said | ({"state": state} if state else {}) | issuer)
    return f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{query}"
