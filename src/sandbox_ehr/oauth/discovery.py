"""`.well-known/smart-configuration` and the keys of the id tokens (SMART App Launch 2.2, conformance)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.oauth.oddities import published
from sandbox_ehr.oauth.places import places_of
from sandbox_ehr.oauth.scopes import TEXTS
from sandbox_ehr.responses import json_response

CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)


async def smart_configuration(request: Request) -> Response:
    twin, places = ehr_of(request).twin, places_of(request)
    found: dict[str, Any] = {
        "issuer": places.issuer,
        "jwks_uri": places.jwks,
        "authorization_endpoint": places.authorize,
        "token_endpoint": places.token,
        "revocation_endpoint": places.revoke,
        "introspection_endpoint": places.introspect,
        "token_endpoint_auth_methods_supported": list(twin.methods),
        "token_endpoint_auth_signing_alg_values_supported": list(twin.algorithms),
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [*TEXTS, "patient/*.read", "user/*.read", "patient/*.cruds", "user/*.cruds"],
        "capabilities": list(CAPABILITIES),
        **({"authorization_response_iss_parameter_supported": True} if twin.says_issuer else {}),
    }
    # TOML has no null, so the text "-" leaves a member out.
    found |= twin.discovery
    return json_response(published(request, {name: value for name, value in found.items() if value != "-"}))


async def keys(request: Request) -> Response:
    return json_response(await ehr_of(request).signing_key.public())
