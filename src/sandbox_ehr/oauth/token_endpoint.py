"""The token endpoint: a code for tokens, a refresh token for new ones (RFC 6749, 4.1.3 and 6; RFC 7636, 4.6)."""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.grants import tokens
from sandbox_ehr.grants.apps import App
from sandbox_ehr.grants.tokens import Token
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.oauth.client_authentication import client_of
from sandbox_ehr.oauth.oddities import check_refresh, rotates, too_many_calls
from sandbox_ehr.oauth.refused import OAuthRefused
from sandbox_ehr.oauth.scopes import is_subset
from sandbox_ehr.oauth.token_answer import answer_of
from sandbox_ehr.requests import limited_body
from sandbox_ehr.responses import json_response

Form = dict[str, str]
COUNTERS = {"authorization_code": "codes_exchanged", "refresh_token": "refreshes"}


async def token(request: Request) -> Response:
    try:
        form = await posted(request)
        if too_many_calls(request):
            raise OAuthRefused("temporarily_unavailable", "Too many calls.", 429)
        app = await client_of(request, form)
        grants = {"authorization_code": _of_code, "refresh_token": _of_refresh_token}
        kind = form.get("grant_type", "")
        if kind not in grants:
            raise OAuthRefused("unsupported_grant_type", "grant_type is not known here.")
        body = await grants[kind](request, app, form)
    except OAuthRefused as refused:
        return refusal(request, refused)
    ehr_of(request).log.counts[COUNTERS[kind]] += 1
    note_outcome(request, f"tokens:{kind}")
    return json_response(body)


def refusal(request: Request, refused: OAuthRefused) -> Response:
    note_outcome(request, refused.error)
    response = json_response({"error": refused.error, "error_description": refused.description}, refused.status)
    if refused.status == 401 and request.headers.get("authorization"):
        response.headers["WWW-Authenticate"] = 'Basic realm="Sandbox EHR"'
    return response


async def posted(request: Request) -> Form:
    """The form of a request. Raises OAuthRefused if it is none, or names a parameter twice (RFC 6749, section 3.2)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    pairs = parse_qsl((await limited_body(request)).decode("utf-8", "replace"), keep_blank_values=True)
    if kind != "application/x-www-form-urlencoded" or len(dict(pairs)) < len(pairs):
        raise OAuthRefused("invalid_request", "Send a form in which every parameter comes once.")
    return dict(pairs)


async def _of_code(request: Request, app: App, form: Form) -> dict[str, Any]:
    ehr = ehr_of(request)
    code, fresh = await ehr.database.run(_take_code, form.get("code", ""), app.client_id, ehr.clock.now())
    if code is None or not fresh:
        raise OAuthRefused("invalid_grant", "The code is unknown, used or too old, or it is another app's.")
    if form.get("redirect_uri") != code.grant.redirect_uri:
        raise OAuthRefused("invalid_grant", "redirect_uri is not that of the request.")
    if code.grant.challenge and not _proves(form.get("code_verifier", ""), code.grant.challenge):
        raise OAuthRefused("invalid_grant", "code_verifier does not match.")
    return await answer_of(request, app, code, code.grant.scopes, first=True)


def _take_code(connection: Any, secret: str, client_id: str, now: float) -> tuple[Token | None, bool]:
    """The code, and whether it is good. A second use ends what the first one got (RFC 6749, section 4.1.2)."""
    code = tokens.look_up(connection, "code", secret)
    if code is None or code.grant.client_id != client_id:
        return None, False
    if code.was_used:
        tokens.revoke(connection, grant_id=code.grant_id)
        return code, False
    tokens.mark_used(connection, code, now)
    return code, now < code.ends_at and not code.revoked


def _proves(verifier: str, challenge: str) -> bool:
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return 43 <= len(verifier) <= 128 and hmac.compare_digest(digest, challenge)


async def _of_refresh_token(request: Request, app: App, form: Form) -> dict[str, Any]:
    ehr = ehr_of(request)
    shown, rotate = form.get("refresh_token", ""), rotates(request)
    check_refresh(request, shown)
    old, good = await ehr.database.run(_take_refresh_token, shown, app.client_id, ehr.clock.now(), rotate)
    if old is None or not good:
        raise OAuthRefused("invalid_grant", "The refresh token is unknown, used, revoked or too old.")
    scopes = tuple(form["scope"].split()) if form.get("scope") else old.scopes
    if not is_subset(scopes, old.scopes):
        raise OAuthRefused("invalid_scope", "A refresh cannot add scopes.")
    return await answer_of(request, app, old, scopes, first=False)


def _take_refresh_token(
    connection: Any, secret: str, client_id: str, now: float, rotate: bool
) -> tuple[Token | None, bool]:
    """The second use of a replaced token ends the grant: one of the two users has stolen it (RFC 9700, 4.14.2)."""
    token = tokens.look_up(connection, "refresh", secret)
    if token is None or token.grant.client_id != client_id:
        return None, False
    if token.was_used:
        tokens.revoke(connection, grant_id=token.grant_id)
        return token, False
    good = now < token.ends_at and not token.revoked
    if good and rotate:
        tokens.mark_used(connection, token, now)
    return token, good
