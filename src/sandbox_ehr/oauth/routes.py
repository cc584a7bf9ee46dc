"""The addresses of the authorization server, which a twin may move."""

from starlette.routing import Route

from sandbox_ehr.oauth import discovery, launch, sign_in, token_ends
from sandbox_ehr.oauth.authorize import authorize
from sandbox_ehr.oauth.consent import decide
from sandbox_ehr.oauth.token_endpoint import token
from sandbox_ehr.twins import Twin

WELL_KNOWN = "/.well-known/smart-configuration"


def routes(twin: Twin) -> list[Route]:
    base = twin.fhir if twin.well_known == "base" else ""
    return [
        Route(f"{base}{WELL_KNOWN}", discovery.smart_configuration, methods=["GET"]),
        Route(twin.authorize, authorize, methods=["GET", "POST"]),
        Route(twin.token, token, methods=["POST"]),
        Route(twin.revoke, token_ends.revoke, methods=["POST"]),
        Route(twin.introspect, token_ends.introspect, methods=["POST"]),
        Route(twin.jwks, discovery.keys, methods=["GET"]),
        Route("/oauth/sign-in", sign_in.log_in, methods=["POST"]),
        Route("/oauth/sign-in/{step}", sign_in.next_step, methods=["POST"]),
        Route("/oauth/patient", sign_in.choose_patient, methods=["POST"]),
        Route("/oauth/consent", decide, methods=["POST"]),
        Route("/oauth/launch", launch.launch_page, methods=["GET"]),
        Route("/oauth/launch", launch.launch, methods=["POST"]),
    ]
