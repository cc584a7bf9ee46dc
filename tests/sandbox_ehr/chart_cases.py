"""One valid body for each create of the chart, with the right that it needs and the ids that it may not make up."""

from typing import Any, NamedTuple

PATIENT, VISIT = "10001", "2026112450100"


class Create(NamedTuple):
    """`path` and the name of its list are those of the API. `references` are the members that name another row."""

    path: str
    right: str
    body: dict[str, Any]
    references: tuple[str, ...]

    @property
    def plural(self) -> str:
        return self.path.replace("-", "_")

    @property
    def reading(self) -> str:
        return self.right.replace(".write", ".read")


AT = {"provider_id": "501", "location_id": "101", "start": "2026-11-29T10:00:00-05:00"}
LATER = {**AT, "start": "2026-11-29T14:00:00-05:00"}
CREATES = (
    Create(
        "appointments",
        "schedule.write",
        {"patient_id": PATIENT, "type": "FU", "reason": "Cough", "note": "Call first", "new_patient": True, **AT},
        ("patient_id", "provider_id", "location_id", "type", "second_provider_id"),
    ),
    Create("slots", "schedule.write", {**LATER, "minutes": 20, "title": "Open"}, ("provider_id", "location_id")),
    Create("blocks", "schedule.write", {**LATER, "minutes": 60, "title": "School"}, ("provider_id", "location_id")),
    Create(
        "patients",
        "patients.write",
        {
            **{"first_name": "Jo", "last_name": "Marrow", "dob": "1980-02-29", "sex": "U"},
            **{"phones": {"home": "", "mobile": "212-555-0199"}, "email": "jo@example.com"},
            "emergency_contact": {"first_name": "Al", "last_name": "M", "relation": "friend", "phone": "212-555-0111"},
        },
        ("provider_id", "pharmacy_id"),
    ),
    Create(
        "insurances",
        "insurance.write",
        {
            **{"patient_id": PATIENT, "payer_id": "P010", "member_id": "A1", "rank": 3},
            **{"copay": 15, "begins_on": "2026-01-01"},
        },
        ("patient_id", "payer_id"),
    ),
    Create("eligibility-checks", "insurance.write", {"insurance_id": "I100011"}, ("insurance_id",)),
    Create(
        "notes",
        "notes.write",
        {"visit_id": VISIT, "text": "Better.\nAgain in May.", "type": "addendum", "drafted_by": "Scribe 2.1"},
        ("visit_id",),
    ),
    Create(
        "patient-notes",
        "notes.write",
        {"patient_id": PATIENT, "location_id": "101", "subject": "Wish", "text": "No calls before ten."},
        ("patient_id", "location_id"),
    ),
    Create(
        "referrals",
        "referrals.write",
        {
            **{"patient_id": PATIENT, "direction": "outgoing", "from_provider_id": "501", "to_provider_id": "RP101"},
            **{"priority": "urgent", "reason": "Palpitations", "icd10": ["R00.2"]},
        },
        ("patient_id", "from_provider_id", "to_provider_id"),
    ),
    Create(
        "referring-providers",
        "referrals.write",
        # The NPI of the standard's own example (45 CFR 162, check digit of 123456789).
        {"first_name": "Ada", "last_name": "Byron", "npi": "1234567893", "phone": "212-555-0107", "fax": ""},
        (),
    ),
    Create(
        "tasks",
        "tasks.write",
        {
            **{"patient_id": PATIENT, "subject": "Call", "description": "Results", "assigned_to": "u1"},
            **{"call_type_id": "CT2", "notify": ["u501"], "priority": "high"},
        },
        ("patient_id", "assigned_to", "call_type_id"),
    ),
    Create("task-notes", "tasks.write", {"task_id": "T2026112350208", "text": "No answer."}, ("task_id",)),
    Create("messages", "messages.write", {"provider_id": "501", "subject": "Hi", "text": "Lunch?"}, ("provider_id",)),
    Create(
        "calls",
        "calls.write",
        {
            **{"patient_id": PATIENT, "provider_id": "501", "location_id": "101", "assigned_to": "u502"},
            **{"call_type_id": "CT1", "reason": "Out of pills", "pharmacy_id": "801"},
        },
        ("patient_id", "provider_id", "location_id", "assigned_to", "call_type_id", "pharmacy_id"),
    ),
    Create(
        "call-actions",
        "calls.write",
        {"call_id": "TE2026112450300", "priority": "high", "text": "Sent."},
        ("call_id",),
    ),
    Create(
        "payments",
        "billing.write",
        {"patient_id": PATIENT, "method_id": "PM3", "reference": "77", "location_id": "101", "amount": "25.50"},
        ("patient_id", "method_id", "location_id"),
    ),
)  # fmt: skip
