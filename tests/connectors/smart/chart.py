"""Records of a made-up practice as FHIR servers write them, for tests of reads."""

from __future__ import annotations

from typing import Any

from tests.support.ehrs.smart import SmartEhr

V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def patient(ehr: SmartEhr, ehr_id: str = "p-1", **more: Any) -> dict[str, Any]:
    given = {
        "identifier": [
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-00-0001"},
            {"use": "usual", "type": {"coding": [{"system": V2_0203, "code": "MR"}]}, "value": "MRN-1"},
            {"use": "old", "type": {"coding": [{"system": V2_0203, "code": "MR"}]}, "value": "MRN-0"},
        ],
        "name": [{"use": "old", "family": "Foe"}, {"use": "official", "family": "Betz", "given": ["Ana", "Maria"]}],
        "gender": "female",
        "birthDate": "1985-10-04",
        "telecom": [
            {"system": "phone", "use": "home", "value": "602-555-0100"},
            {"system": "phone", "use": "mobile", "value": "602-555-0101"},
            {"system": "email", "value": "ana@example.org"},
        ],
        "address": [
            {"use": "old", "line": ["9 Old Rd"]},
            {"use": "home", "line": ["1 Main St", "Apt 2"], "city": "Mesa", "state": "AZ", "postalCode": "85201"},
        ],
        "meta": {"lastUpdated": "2026-03-01T10:00:00.123456789-07:00"},
    }
    return ehr.add("Patient", ehr_id, **given | more)


def appointment(ehr: SmartEhr, ehr_id: str = "a-1", who: str = "p-1", **more: Any) -> dict[str, Any]:
    given = {
        "status": "booked",
        "start": "2026-03-04T09:30:00-07:00",
        "end": "2026-03-04T10:00:00-07:00",
        "appointmentType": {"coding": [{"code": "FOLLOWUP"}], "text": "Follow-up"},
        "reasonCode": [{"text": "Cough"}],
        "comment": "Bring the list",
        "participant": [
            {"actor": {"reference": f"Patient/{who}", "display": "Betz, Ana"}},
            {"actor": {"reference": f"{ehr.address}/Practitioner/dr-lee", "display": "Lee, Ana"}},
            {"actor": {"reference": "Location/l-1", "display": "Main St"}},
        ],
    }
    return ehr.add("Appointment", ehr_id, **given | more)


def document(ehr: SmartEhr, ehr_id: str, media: str, url: str | None = None, **more: Any) -> dict[str, Any]:
    given = {
        "status": "current",
        "docStatus": "final",
        "type": {"text": "Progress note"},
        "subject": {"reference": "Patient/p-1", "display": "Betz, Ana"},
        "date": "2026-03-04T10:30:00-07:00",
        "author": [{"reference": "Practitioner/dr-lee", "display": "Lee, Ana"}],
        "content": [{"attachment": {"contentType": media, "url": url or f"Binary/{ehr_id}"}}],
    }
    return ehr.add("DocumentReference", ehr_id, **given | more)


NOTE = [{"coding": [{"code": "clinical-note"}]}]
