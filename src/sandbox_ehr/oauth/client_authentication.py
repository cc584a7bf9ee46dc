"""Which app a request comes from: public, with a secret, or with a signed assertion (RFC 6749, 2.3; RFC 7523, 3).

An app proves itself in the one way that it is registered with, and in no other.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import httpx2
import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.grants import apps, assertions
from sandbox_ehr.grants.apps import App
from sandbox_ehr.oauth.places import places_of
from sandbox_ehr.oauth.refused import OAuthRefused

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = 300  # seconds, SMART App Launch 2.2, client-confidential-asymmetric
SKEW = 10  # seconds


async def client_of(request: Request, form: Mapping[str, str]) -> App:
    """Raises OAuthRefused. The answer does not say which part was wrong."""
    method, client_id, proof = _shown(request, form)
    app = await ehr_of(request).database.run(apps.find, client_id)
    if app is None or app.method != method or not app.enabled:
        raise _unknown()
    if method.startswith("client_secret") and not hmac.compare_digest(app.secret.encode(), proof.encode()):
        raise _unknown()
    if method == "private_key_jwt":
        await _check_assertion(request, app, proof)
    return app


def _shown(request: Request, form: Mapping[str, str]) -> tuple[str, str, str]:
    """The method, the client id and the proof. Two methods at once are refused (RFC 6749, section 2.3)."""
    header = request.headers.get("authorization", "")
    ways = [bool(header), "client_secret" in form, "client_assertion" in form]
    if sum(ways) > 1:
        raise OAuthRefused("invalid_request", "Prove the client in one way only.")
    if header:
        return ("client_secret_basic", *_basic(header))
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthRefused("invalid_request", "client_assertion_type is not known.")
        return "private_key_jwt", _issuer_of(form["client_assertion"]), form["client_assertion"]
    method = "client_secret_post" if "client_secret" in form else "none"
    return method, form.get("client_id", ""), form.get("client_secret", "")


def _basic(header: str) -> tuple[str, str]:
    """Both parts are form-encoded inside (RFC 6749, section 2.3.1)."""
    scheme, _, value = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unknown() from None
    if scheme.lower() != "basic" or not colon:
        raise _unknown()
    return unquote_plus(client_id), unquote_plus(secret)


def _issuer_of(assertion: str) -> str:
    try:
        found = msgspec.json.decode(jws.extract_compact(assertion.encode()).payload, type=dict[str, Any])
    except (JoseError, ValueError):
        raise _unknown() from None
    return str(found.get("iss", ""))


async def _check_assertion(request: Request, app: App, assertion: str) -> None:
    ehr, now = ehr_of(request), time.time()  # real time: the app's clock is no part of this EHR's
    claims = _verified(assertion, await _keys(app), ehr.twin.algorithms)
    ends_at = claims.get("exp")
    right = (
        claims.get("iss") == claims.get("sub") == app.client_id
        and claims.get("aud") == places_of(request).token
        and isinstance(ends_at, int | float)
        and now - SKEW < ends_at <= now + LONGEST_ASSERTION + SKEW
        and isinstance(claims.get("jti"), str)
    )
    if not right or not await ehr.database.run(
        assertions.use, app.client_id, claims["jti"], float(ends_at or 0) + SKEW, now
    ):
        raise _unknown()


def _verified(assertion: str, keys: dict[str, Any], algorithms: tuple[str, ...]) -> dict[str, Any]:
    try:
        known = KeySet.import_key_set({"keys": [key for key in keys["keys"] if "d" not in key]})
        header = jws.extract_compact(assertion.encode()).headers()
        if header.get("kid") not in {key.kid for key in known.keys}:
            raise _unknown()
        return dict(jwt.decode(assertion, known, algorithms=list(algorithms)).claims)
    except (JoseError, ValueError, TypeError, KeyError):
        raise _unknown() from None


async def _keys(app: App) -> dict[str, Any]:
    """The app's JWKS, fetched anew for each request: a key that was taken back works no more."""
    if not app.jwks_url:
        return app.jwks
    try:
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
            response = await http.get(app.jwks_url, headers={"accept": "application/json"})
            return response.json() if response.status_code == 200 else {}
    except (httpx2.HTTPError, ValueError):
        return {}


def _unknown() -> OAuthRefused:
    return OAuthRefused("invalid_client", "The client is unknown, or did not prove itself.", 401)
