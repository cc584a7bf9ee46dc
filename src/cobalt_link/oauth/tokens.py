"""The token endpoint: exchanges a code, refreshes, and revokes (RFC 6749 §4.1.3 and §6, RFC 7009).

Reads answers as servers give them: `expires_in` as text or missing, no refresh token for "keep the one you have", an
opaque access token, an error in a response of status 200.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from cobalt_link.net.http import Http, HttpResponse, NotJson
from cobalt_link.oauth.errors import OAuthError
from cobalt_link.oauth.registration import AppRegistration

MOST_SECONDS = 10 * 365 * 24 * 3600
MOST_TOKEN = 50_000  # characters
MOST_CONTEXT = 500  # characters of another member
MOST_MEMBERS = 50
KNOWN = frozenset(
    [
        "access_token",
        "expires_in",
        "refresh_token",
        "id_token",
        "token_type",
        "scope",
        "patient",
        "encounter",
        "fhirUser",
    ]
)


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in` in seconds, None if the server does not say. `refresh_token` None: keep the one before, if there is
    one. `scope` None: as asked (RFC 6749 §5.1). `patient` and `encounter` are the launch context, `context` is what
    else the server says, in texts."""

    access_token: str
    expires_in: int | None = None
    refresh_token: str | None = None
    scope: str | None = None
    id_token: str | None = None
    patient: str | None = None
    encounter: str | None = None
    fhir_user: str | None = None
    context: dict[str, str] = {}


async def exchanged(http: Http, endpoint: str, app: AppRegistration, *, code: str, verifier: str) -> TokenAnswer:
    """The tokens for a code. Raises OAuthError, or HttpError if the server does not answer. Never repeat it: a code is
    good for one request, and a second one may revoke what the first one got (RFC 6749 §4.1.2)."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "code_verifier": verifier,
    }
    return answer(await _posted(http, endpoint, app, form))


async def refreshed(http: Http, endpoint: str, app: AppRegistration, *, refresh_token: str) -> TokenAnswer:
    """New tokens for a refresh token, with the same scopes. Raises OAuthError and HttpError."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return answer(await _posted(http, endpoint, app, form))


async def revoked(http: Http, endpoint: str, app: AppRegistration, *, token: str, hint: str) -> None:
    """Ends a token at its server (RFC 7009). `hint` is `refresh_token` or `access_token`. Raises OAuthError."""
    response = await _posted(http, endpoint, app, {"token": token, "token_type_hint": hint})
    if response.status >= 400:
        raise _error(response)


def answer(response: HttpResponse) -> TokenAnswer:
    """A token response, read. Raises OAuthError."""
    if response.status >= 400:
        raise _error(response)
    body = _object(response)
    if "error" in body or not _text(body.get("access_token")):
        raise _error(response)
    kind = body.get("token_type")
    if isinstance(kind, str) and kind.lower() not in ("bearer", ""):
        raise OAuthError("unsupported_token_type", status=response.status)
    return TokenAnswer(
        access_token=_text(body["access_token"]) or "",
        expires_in=_seconds(body.get("expires_in")),
        refresh_token=_text(body.get("refresh_token")),
        scope=_scope(body.get("scope")),
        id_token=_text(body.get("id_token")),
        patient=_text(body.get("patient")),
        encounter=_text(body.get("encounter")),
        fhir_user=_text(body.get("fhirUser")),
        context={
            name: value
            for name, value in list(body.items())[:MOST_MEMBERS]
            if name not in KNOWN and isinstance(value, str) and 0 < len(value) <= MOST_CONTEXT
        },
    )


async def _posted(http: Http, endpoint: str, app: AppRegistration, form: dict[str, str]) -> HttpResponse:
    proof = await app.prove(endpoint)
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **proof.headers}
    return await http.request("POST", endpoint, headers=headers, content=urlencode({**form, **proof.form}))


def _error(response: HttpResponse) -> OAuthError:
    """The server's own code if it gives one. Some answer with a page or with nothing, and some with status 200."""
    try:
        body = _object(response)
    except OAuthError:
        body = {}
    code, description = body.get("error"), body.get("error_description")
    if not isinstance(code, str) or not code:
        code = "not_understood" if response.status < 400 else "temporarily_unavailable"
        if 400 <= response.status < 500 and response.status != 429:
            code = "invalid_client" if response.status == 401 else "invalid_request"
    said = description if isinstance(description, str) else None
    return OAuthError(code[:200], said[:1000] if said else None, status=response.status)


def _object(response: HttpResponse) -> dict[str, Any]:
    try:
        body = response.json()
    except NotJson:
        raise OAuthError("not_understood", status=response.status) from None
    if not isinstance(body, dict):
        raise OAuthError("not_understood", status=response.status)
    return body


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MOST_TOKEN else None


def _scope(value: object) -> str | None:
    """Some servers send a list."""
    if isinstance(value, list):
        return " ".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else None


def _seconds(value: object) -> int | None:
    """As a number or a text. Nonsense counts as not said."""
    try:
        seconds = int(float(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= MOST_SECONDS else None
