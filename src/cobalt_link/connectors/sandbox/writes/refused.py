"""What each refusal of the EHR means for a write. Each of them says that nothing was written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from cobalt_link.connector import Errors, NotWritten, Reason

Names: TypeAlias = dict[str, str]
"""Our name of each member of the EHR's rows."""

# The EHR's code, then ours. `{…}` are members of the EHR's answer.
REFUSALS = {
    "duplicate_patient": ("DUPLICATE_PATIENT", "Duplicate patient found. The chart has this patient as MRN {mrn}."),
    "schedule_conflict": ("SCHEDULE_CONFLICT", "The provider has another {conflict} at that time: {title}, {start} to "
                          "{end}."),
    "status_not_allowed": ("INVALID_STATUS", "An appointment that is {status} cannot become {wanted}."),
    "not_changeable": ("APPOINTMENT_NOT_CHANGEABLE", "An appointment that is {status} does not take this."),
    "signed": ("NOTE_SIGNED", "The note is signed. A signed note does not change."),
    "duplicate_claim": ("DUPLICATE_CLAIM", "There is a claim for this appointment already: {claim_id}."),
    "duplicate_provider": ("DUPLICATE_REFERRING_PROVIDER", "There is a referring provider with this NPI already."),
    "visit_not_started": ("APPOINTMENT_NOT_STARTED", "There is no claim before a visit has started, or if it was "
                          "cancelled."),
    "rank_taken": ("PRIORITY_TAKEN", "The patient has a plan of priority {rank} already."),
    "too_large": ("TOO_LARGE", "{message}"),
}  # fmt: skip
FIELDS = {
    "duplicate_provider": "npi",
    "status_not_allowed": "status",
    "rank_taken": "rank",
}
DETAILS = {
    "schedule_conflict": {"conflict_type": "{conflict}", "conflict_details": "{title}, {start} to {end}"},
}
# Members that name another record, and what is wrong if the EHR does not have it.
UNKNOWN = {
    "insurance_id": ("INSURANCE_NOT_FOUND", "The patient has no such insurance plan."),
    "note_id": ("NOTE_NOT_FOUND", "Note not found."),
    "assigned_to": ("USER_NOT_FOUND", "User not found. Send the id of somebody whom the EHR lists among its users."),
    "call_id": ("TELEPHONE_ENCOUNTER_NOT_FOUND", "Telephone encounter not found."),
    "call_type_id": ("CALL_TYPE_NOT_FOUND", "The EHR has no such type of phone call."),
    "folder_id": ("FOLDER_NOT_FOUND", "The EHR has no document folder of this name."),
    "from_provider_id": ("PROVIDER_NOT_FOUND", "The provider who refers was not found on that side."),
    "location_id": ("LOCATION_NOT_FOUND", "Location not found, or not active."),
    "method_id": ("PAYMENT_METHOD_NOT_FOUND", "The EHR has no payment method of this name."),
    "notify": ("USER_NOT_FOUND", "Somebody to notify is no user of the EHR."),
    "patient_id": ("PATIENT_NOT_FOUND", "Patient not found. Please check the patient MRN and try again."),
    "payer_id": ("INSURANCE_PROVIDER_NOT_FOUND", "Insurance provider not found, or not active."),
    "pharmacy_id": ("PHARMACY_NOT_FOUND", "Pharmacy not found."),
    "provider_id": ("PROVIDER_NOT_FOUND", "Provider not found, or not active."),
    "refill_medication": ("MEDICATION_NOT_FOUND", "The patient has no medication of this name."),
    "second_provider_id": ("PROVIDER_NOT_FOUND", "The secondary provider was not found, or is not active."),
    "task_id": ("TASK_NOT_FOUND", "Task not found."),
    "to_provider_id": ("PROVIDER_NOT_FOUND", "The provider who gets the patient was not found on that side."),
    "type": ("INVALID_VISIT_TYPE", "The EHR has no visit type of this code."),
    "visit_id": ("APPOINTMENT_NOT_FOUND", "Appointment not found."),
}
_PLACE = re.compile(r"`\$\.([\w.]+)")
_MISSING = re.compile(r"missing required field `(\w+)`")


def errors(names: Names, missing: str | None = None) -> Errors:
    """For one kind of write. `missing` is the member of `UNKNOWN` that a change names in its path."""
    meanings: dict[str, Callable[[Any], Exception]] = {
        "bad_request": lambda said: NotWritten(_invalid(said, names)),
        "invalid_value": lambda said: NotWritten(_invalid(said, names)),
        "missing_fields": lambda said: NotWritten(*_missing(said, names)),
        "not_found": lambda said: NotWritten(unknown(missing or "", names)),
        "unknown_reference": lambda said: NotWritten(unknown(str(said.get("field")), names)),
    }
    return meanings | {code: _refusal(code, names) for code in REFUSALS}


def unknown(member: str, names: Names) -> Reason:
    """The EHR does not have the record that this member names."""
    code, description = UNKNOWN.get(member, ("NOT_FOUND", "The EHR does not have the record that is to be changed."))
    return Reason(code, description, our_name(member, names))


def missing(field: str) -> Reason:
    return Reason("MISSING_FIELD", f"The EHR requires {field}.", field)


def reason(code: str, names: Names | None = None, **facts: object) -> Reason:
    """One of `REFUSALS`, by the EHR's code."""
    ours, description = REFUSALS[code]
    said = _Facts(facts)
    details = {name: text.format_map(said) for name, text in DETAILS.get(code, {}).items()}
    return Reason(ours, description.format_map(said), our_name(FIELDS.get(code, ""), names or {}), details)


def invalid(description: str, field: str | None = None) -> Reason:
    return Reason("EHR_VALIDATION_ERROR", description, field)


def our_name(member: str, names: Names) -> str | None:
    """The field of the write at a member of the EHR's, or around it: "subscriber.state" is in `subscriber`. None if
    there are several: the EHR says only that something in "phones" is wrong."""
    if member in names or member in names.values():
        return names.get(member, member)
    around = [ours for theirs, ours in names.items() if theirs.split(".")[0] == member.split(".")[0]]
    return around[0] if len(around) == 1 else None


def _refusal(code: str, names: Names) -> Callable[[Any], Exception]:
    return lambda said: NotWritten(reason(code, names, **said))


def _invalid(said: Any, names: Names) -> Reason:
    """A value that the EHR does not take. It never quotes the value."""
    message = str(said.get("message", "The EHR does not take this."))
    if gone := _MISSING.search(message):
        return missing(our_name(gone[1], names) or gone[1])
    place = _PLACE.search(message)
    field = our_name(str(said.get("field") or (place[1] if place else "")), names)
    return Reason("INVALID_NPI", message, field) if field == "npi" else invalid(message, field)


def _missing(said: Any, names: Names) -> list[Reason]:
    members = [each.strip() for each in str(said.get("missing", "")).split(",")]
    return [missing(our_name(each, names) or each) for each in members]


class _Facts(dict[str, object]):
    """What the EHR did not say is left open."""

    def __missing__(self, key: str) -> str:
        return "unknown"
