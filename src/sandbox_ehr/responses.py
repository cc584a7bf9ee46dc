"""How the EHR writes an answer: a JSON body, or a refusal."""

import msgspec
from starlette.responses import HTMLResponse, Response

from sandbox_ehr.refusals import Refusal


def json_response(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def refusal_response(refusal: Refusal) -> Response:
    if refusal.page is not None:
        return HTMLResponse(refusal.page, refusal.status)
    response = json_response({"error": refusal.error, "message": refusal.message, **refusal.facts}, refusal.status)
    if refusal.status == 429:
        response.headers["Retry-After"] = str(refusal.facts["retry_in"])
    return response
