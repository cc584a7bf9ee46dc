"""An OperationOutcome, and the refusal that ends a request with one (FHIR R4, operationoutcome.html)."""

from typing import Any

from sandbox_ehr.refusals import Refusal

Resource = dict[str, Any]
# The codes of refusals of the chart, as issue types.
ISSUE_TYPES = {
    "not_found": "not-found",
    "unknown_reference": "not-found",
    "schedule_conflict": "conflict",
    "duplicate_patient": "duplicate",
    "status_not_allowed": "business-rule",
    "not_changeable": "business-rule",
    "missing_fields": "required",
    "no_rights": "forbidden",
}


class FhirRefused(Exception):
    """`code` is an issue type. `coded` is the vendor's own code for it, if there is one."""

    def __init__(self, status: int, code: str, diagnostics: str, *, coded: str = "", severity: str = "error") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.body = outcome(severity, code, diagnostics, coded=coded)


def outcome(severity: str, code: str, diagnostics: str, *, coded: str = "") -> Resource:
    issue: Resource = {"severity": severity, "code": code, "diagnostics": diagnostics}
    if coded:
        coding = {"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": coded}
        issue["details"] = {"coding": [coding], "text": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def of_refusal(refusal: Refusal) -> Resource:
    return outcome("error", ISSUE_TYPES.get(refusal.error, "invalid"), refusal.message)
