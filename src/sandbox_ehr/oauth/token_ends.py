"""Revocation and introspection of tokens (RFC 7009, RFC 7662)."""

from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.grants import tokens
from sandbox_ehr.grants.tokens import Token
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.oauth.client_authentication import client_of
from sandbox_ehr.oauth.places import places_of
from sandbox_ehr.oauth.refused import OAuthRefused
from sandbox_ehr.oauth.token_answer import fhir_user
from sandbox_ehr.oauth.token_endpoint import posted, refusal
from sandbox_ehr.responses import json_response


async def revoke(request: Request) -> Response:
    """200 for an unknown token too. A refresh token takes its whole grant with it, an access token only itself."""
    try:
        found = await _own_token(request)
    except OAuthRefused as refused:
        return refusal(request, refused)
    note_outcome(request, "revoked")
    kind, token = found
    if token is not None and kind == "refresh":
        await ehr_of(request).database.run(tokens.revoke, grant_id=token.grant_id)
    elif token is not None:
        await ehr_of(request).database.run(tokens.end_token, token)
    return Response(status_code=200)


async def introspect(request: Request) -> Response:
    """Everything but an active token of the app that asks gets the same answer."""
    try:
        kind, token = await _own_token(request)
    except OAuthRefused as refused:
        return refusal(request, refused)
    now = ehr_of(request).clock.now()
    if token is None or token.revoked or token.was_used or now >= token.ends_at:
        return json_response({"active": False})
    grant = token.grant
    body = {
        "active": True,
        "scope": " ".join(token.scopes),
        "client_id": grant.client_id,
        "username": grant.username,
        "sub": grant.user_id,
        "iss": places_of(request).issuer,
        "exp": int(token.ends_at),
        "token_type": "Bearer" if kind == "access" else "refresh_token",
        "fhirUser": f"{places_of(request).fhir}/{fhir_user(grant)}",
    }
    return json_response(body | ({"patient": grant.patient_id} if grant.patient_id else {}))


async def _own_token(request: Request) -> tuple[str, Token | None]:
    form = await posted(request)
    app = await client_of(request, form)
    if not form.get("token"):
        raise OAuthRefused("invalid_request", "token is missing.")
    for kind in ("refresh", "access"):
        token = await ehr_of(request).database.run(tokens.look_up, kind, form["token"])
        if token is not None and token.grant.client_id == app.client_id:
            return kind, token
    return "", None
