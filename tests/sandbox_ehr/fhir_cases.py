"""What the tests of FHIR send, and an app that may write it."""

import base64
from typing import Any

from httpx2 import Response

from tests.support.smart_app import SmartApp

SCOPES = "user/*.cruds"
REF = {"system": "https://sandbox-ehr.example/fhir/client-ref", "value": "ref-1"}
APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "status": "booked",
    "identifier": [REF],
    "appointmentType": {"coding": [{"system": "https://sandbox-ehr.example/fhir/visit-type", "code": "NP"}]},
    "reasonCode": [{"text": "Knee pain"}],
    "comment": "Call first",
    "start": "2026-12-01T17:00:00-05:00",
    "end": "2026-12-01T17:45:00-05:00",
    "participant": [
        {"actor": {"reference": "Patient/10001"}, "status": "accepted"},
        {"actor": {"reference": "Practitioner/501"}, "status": "accepted"},
        {"actor": {"reference": "Location/101"}, "status": "accepted"},
    ],
}
DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "status": "current",
    "identifier": [REF],
    "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]},
    "subject": {"reference": "Patient/10001"},
    "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(b"Doing well.").decode()}}],
}
TASK: dict[str, Any] = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "identifier": [REF],
    "code": {"text": "Call back"},
    "description": "About the results",
    "for": {"reference": "Patient/10001"},
    "owner": {"reference": "Practitioner/501"},
}
MESSAGE: dict[str, Any] = {
    "resourceType": "Communication",
    "status": "completed",
    "identifier": [REF],
    "subject": {"reference": "Patient/10001"},
    "recipient": [{"reference": "Practitioner/501"}],
    "payload": [{"contentString": "The form is signed."}],
}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [REF],
    "name": [{"family": "Newcomer", "given": ["Nia", "Joy"]}],
    "gender": "female",
    "birthDate": "1990-05-05",
    "telecom": [{"system": "phone", "use": "mobile", "value": "212-555-0177"}],
}
COVERAGE: dict[str, Any] = {
    "resourceType": "Coverage",
    "status": "active",
    "identifier": [REF],
    "beneficiary": {"reference": "Patient/10001"},
    "payor": [{"reference": "Organization/P002"}],
    "subscriberId": "m 77",
    "order": 3,
}
ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "identifier": [REF],
    "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}],
    "code": {"text": "X-ray, hand"},
    "subject": {"reference": "Patient/10001"},
    "requester": {"reference": "Practitioner/501"},
}
CREATES = (APPOINTMENT, DOCUMENT, TASK, MESSAGE, PATIENT, COVERAGE, ORDER)


class Writer:
    def __init__(self, app: SmartApp, token: str) -> None:
        self.app = app
        self.token = token

    async def send(self, method: str, path: str, body: Any, **headers: str) -> Response:
        kind = "application/json-patch+json" if method == "PATCH" else "application/fhir+json"
        sent = {"authorization": f"Bearer {self.token}", "content-type": kind}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.app.http.request(method, f"{self.app.base}/{path}", json=body, headers=sent)

    async def make(self, body: dict[str, Any]) -> dict[str, Any]:
        response = await self.send("POST", body["resourceType"], body)
        assert response.status_code == 201, response.text
        return response.json()
