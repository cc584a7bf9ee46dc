"""Oddities of writes: what is refused, dropped, or answered wrongly (29, 32 to 41)."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr.fhir.answers import answer
from sandbox_ehr.fhir.outcome import FhirRefused, Resource, outcome
from sandbox_ehr.fhir.values import LOINC, SYSTEM
from sandbox_ehr.oauth.oddities import active

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?(T.*)?")
_ACTIVE = re.compile(r"<(script|style|iframe)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
STATUSES = {"Appointment": ("booked", "cancelled", "arrived"), "Task": ("requested", "completed")}


def taken(request: Request, kind: str, resource: Resource) -> Resource:
    """What this server takes of a resource. Raises FhirRefused."""
    on = active(request)
    if "fhir_29" in on and kind == "DocumentReference" and any("T" not in each for each in _dates(resource)):
        raise FhirRefused(422, "invalid", "Every date must have a time and a zone.")
    if "fhir_36" in on and request.headers.get("if-none-exist"):
        raise FhirRefused(412, "not-supported", "A conditional create is not supported.")
    if "fhir_37" in on:
        resource = _supported(kind, resource)
    if "fhir_38" in on and kind == "DocumentReference":
        resource = _as_note(resource)
    if "fhir_40" in on and kind == "DocumentReference":
        resource = resource | {"docStatus": "preliminary"}
    if "fhir_41" in on and resource.get("status") not in (
        *STATUSES.get(kind, ()),
        *(() if kind in STATUSES else (resource.get("status"),)),
    ):
        raise FhirRefused(422, "business-rule", f"status {resource.get('status')} is not accepted for {kind}.")
    return resource


def does_nothing(request: Request) -> bool:
    """34: 200, and nothing happened."""
    return "fhir_34" in active(request) and request.method in ("PUT", "PATCH")


def stale_status(request: Request, usual: int) -> int:
    """39: 409 instead of 412."""
    return 409 if "fhir_39" in active(request) else usual


def answered(request: Request, response: Response) -> Response:
    """32: nothing but an address. 33: an error although it happened. 35: a failure that says 200, and did happen."""
    on = active(request)
    if "fhir_33" in on and request.method == "POST":
        return answer(outcome("error", "processing", " "), 422)
    if "fhir_35" in on:
        body = {"success": False, "errormessage": "The request could not be processed.", "status": 0}
        return Response(msgspec.json.encode(body), 200, media_type="application/json")
    if "fhir_32" in on:
        empty = Response(b"", 201 if request.method == "POST" else 200, media_type="text/html")
        for name in ("location", "etag"):
            if name in response.headers:
                empty.headers[name] = response.headers[name]
        return empty
    return response


def _supported(kind: str, resource: Resource) -> Resource:
    """37: some elements are dropped, others refused; a booking takes its people and its place from the slot."""
    if kind == "DocumentReference":
        return {
            name: value for name, value in resource.items() if name not in ("description", "relatesTo", "securityLabel")
        }
    if kind != "Appointment":
        return resource
    if resource.get("priority") is not None or resource.get("patientInstruction"):
        raise FhirRefused(422, "business-rule", "priority and patientInstruction are not supported.")
    people = [
        each for each in resource.get("participant", ()) if "Patient/" in each.get("actor", {}).get("reference", "")
    ]
    if any(each.get("status") != "accepted" for each in people):
        raise FhirRefused(422, "business-rule", "The status of the patient must be accepted.")
    return resource | {"participant": people} if resource.get("slot") else resource


def _as_note(resource: Resource) -> Resource:
    """38: XHTML that can become RTF, with one kind of code."""
    attachment: dict[str, Any] = resource.get("content", [{}])[0].get("attachment", {})
    systems = {each.get("system") for each in resource.get("type", {}).get("coding", ())}
    if {LOINC, f"{SYSTEM}/folder"} <= systems:
        raise FhirRefused(422, "business-rule", "type must be of LOINC or of the local codes, not both.")
    if attachment.get("contentType", "").startswith("text/plain"):
        raise FhirRefused(422, "business-rule", "A note must be application/xhtml+xml or text/html.")
    if not attachment.get("contentType", "").startswith(("text/html", "application/xhtml+xml")):
        return resource
    text = base64.b64decode(attachment.get("data", "")).decode("utf-8", "replace")
    if re.search(r"<br>|style=|class=", text):
        raise FhirRefused(422, "business-rule", "The note is not XHTML, or has CSS.")
    kept = base64.b64encode(_ACTIVE.sub("", text).encode()).decode()
    return resource | {"content": [{"attachment": attachment | {"contentType": "text/html", "data": kept}}]}


def _dates(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for each, inside in value.items():
            yield from _dates(inside, each)
    elif isinstance(value, list):
        for inside in value:
            yield from _dates(inside, name)
    elif isinstance(value, str) and name != "data" and _DATE.fullmatch(value):
        yield value
