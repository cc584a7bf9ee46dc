"""How the FHIR server writes an answer."""

import msgspec
from starlette.responses import Response

from sandbox_ehr.fhir.outcome import Resource

MEDIA_TYPE = "application/fhir+json"


def answer(body: Resource, status: int = 200) -> Response:
    response = Response(msgspec.json.encode(body), status, media_type=f"{MEDIA_TYPE};charset=utf-8")
    version = body.get("meta", {}).get("versionId")
    if version:
        response.headers["ETag"] = f'W/"{version}"'
    return response
