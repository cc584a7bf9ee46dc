"""Values for what the contract documents of writes: every field in every form, and what it says to a wrong request.

They are those of the sandbox EHR's made-up practice.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import msgspec

from tests.api.contract import Endpoint
from tests.support.clinic import Clinic

Body = dict[str, Any]
NPI = "1000000012"  # with its check digit
PDF = b"%PDF-1.4 made up"
PARTIES = (
    "self", "spouse", "child", "adopted_child", "step_child", "foster_child", "ward_of_court", "employee", "unknown",
    "handicapped_dependent", "organ_donor", "cadaver_donor", "grandchild", "niece_nephew", "injured_plaintiff",
    "sponsored_dependent", "minor_dependent", "parent", "grandparent", "life_partner", "other",
)  # fmt: skip
RELATIONS = ("01", "02", "32", "33", "17", "20", "53", "25", "self", "Spouse", "mother", "FATHER", "step parent",
             "employee", "life partner", "other", "child")  # fmt: skip


class Practice(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of one practice. `booked` is a new appointment of ours, `visit` one that has begun."""

    mrn: str
    other: str
    patient: str
    ehr_patient: str
    booked: str
    visit: str
    insurance: str
    task: str
    call: str
    user: str
    day: str

    @classmethod
    def made_up(cls) -> Self:
        return cls(**dict.fromkeys(cls.__struct_fields__, "1"))

    @classmethod
    async def of(cls, clinic: Clinic) -> Self:
        patients = (await clinic.chart("patients", limit=200))["patients"]
        fit = [row for row in patients if len(row["insurance"]) == 1 and row["medications"]]
        mrn, ehr_id = fit[0]["mrn"], fit[0]["id"]
        (ours,) = (await clinic.read("/v1/patients", mrn=mrn))["patients"]
        wanted = await clinic.new_appointment(hour=20)
        booked, visit = [(await clinic.done("/v1/appointments", wanted))["record_id"] for _ in range(2)]
        begun = await clinic.done(f"/v1/appointments/{visit}", {"status": "CHKIN"}, "PATCH")
        assert begun["state"] == "succeeded", begun
        whose, user = {"patient_mrn": mrn}, (await clinic.chart("users"))["users"][0]["id"]
        plan = {"insurance_name": "Northlight Health Plan", "member_id": "N1"}
        task = {"subject": "A", "description": "B", "assignee_user_id": user}
        call = {"provider_id": "501", "location_id": "101", "assigned_to_id": user}
        made = {
            "insurance": await clinic.done(f"/v1/patients/{mrn}/insurances", plan),
            "task": await clinic.done("/v1/tasks", whose | task),
            "call": await clinic.done("/v1/telephone-encounters", whose | call),
        }
        assert {each["state"] for each in made.values()} == {"succeeded"}, made
        return cls(
            mrn=mrn,
            other=fit[1]["mrn"],
            patient=ours["id"],
            ehr_patient=ehr_id,
            booked=booked,
            visit=visit,
            insurance=made["insurance"]["data"]["emr_insurance_id"],
            task=made["task"]["data"]["emr_task_id"],
            call=made["call"]["data"]["emr_appointment_id"],
            user=user,
            day=str((datetime.now(UTC) + timedelta(days=9)).date()),
        )

    def path(self, each: Endpoint) -> str:
        """The path of a call, with what it changes."""
        named = self.booked if "appointments" in each.path else self.patient
        path = each.path.replace("{patient_mrn}", self.mrn).replace("{emr_insurance_id}", self.insurance)
        return "/v1" + path.replace("{id}", named)


def uuid(plain: str) -> str:
    """Our ids are accepted with hyphens, and in upper case."""
    return f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}".upper()


def whole(each: Endpoint, at: Practice) -> Body:
    """A request with every documented field at once, as far as they go together."""
    return WHOLE[str(each)](at)


def forms(each: Endpoint, at: Practice) -> dict[str, list[Body]]:
    """Requests by the documented field that they show, one for each documented form of it."""
    body, more = whole(each, at), MORE.get(str(each), lambda _: {})(at)
    needed = {name: body[name] for name in REQUIRED.get(str(each), "").split()}
    found = {
        name: [needed | {name: value} | {each: body[each] for each in BESIDE.get(name, ())}]
        for name, value in body.items()
    }
    for name, others in more.items():
        found.setdefault(name, []).extend(needed | other for other in others)
    return found


def required(name: str) -> list[str]:
    """The fields without which a call is refused."""
    # For a new patient that depends on the practice, and the EHR says it.
    return [] if name == "POST /patients" else [each for each in REQUIRED.get(name, "").split() if each not in EITHER]


def _appointment(at: Practice) -> Body:
    return {
        "mrn": at.mrn, "location": "101", "provider": "501", "type": "FU", "datetime": f"{at.day}T21:00:00-05:00",
        "secondary_provider": "502", "note": "Bring the card", "reason": "Cough", "new_patient": "false",
        "prevent_double_booking": "true",
    }  # fmt: skip


def _appointment_forms(at: Practice) -> dict[str, list[Body]]:
    times = ("10:00 am", "2:30 PM", "2:30pm", "10:00")  # the last one: contract §9 row 10
    both = [{"datetime": None, "date": at.day, "time": time} for time in times]
    return {
        "date": both, "time": both,
        "mrn": [{"mrn": None, "patient_mrn": at.mrn}, {"mrn": None, "patient_id": at.patient}],
        "datetime": [{"datetime": f"{at.day}T09:00:00+05:30"}, {"datetime": f"{at.day}T14:00:00Z"}],
        "new_patient": [{"new_patient": True}], "prevent_double_booking": [{"prevent_double_booking": False}],
        "location": [{"location": 101}], "provider": [{"provider": 501}],
    }  # fmt: skip


def _change_forms(at: Practice) -> dict[str, list[Body]]:
    later = f"{at.day}T10:00:00-05:00"
    return {
        "appointment_datetime": [{"appointment_datetime": later}],
        "status": [{"status": each} for each in ("CONF", "conf", "cancelled", "rescheduled", "R/S")],
    }  # fmt: skip


def _patient(at: Practice) -> Body:
    reached = {name: value for name, value in _change(at).items() if name != "save_previous_address"}
    return {
        "first_name": "Ana", "last_name": "Betz", "dob": "1984-02-29", "sex": "female", **reached,
        "no_email_reason": "none", "referring_provider": "Dr. Jane Doe", "insurance_name": "Northlight Health Plan",
        "insurance_subscriber_number": "NL1", "insurance_sequence": "primary", "insurance_provider_id": "P002",
        "secondary_insurance_name": "Meadow Mutual", "secondary_insurance_subscriber_number": "MM2",
        "responsible_party": "parent", "responsible_party_first_name": "Eva", "responsible_party_last_name": "Betz",
        "check_eligibility": "true", "emergency_contact_first_name": "Ben", "emergency_contact_last_name": "Betz",
        "emergency_contact_relation": "spouse", "emergency_contact_phone": "212-555-0125", "pharmacy_id": "801",
    }  # fmt: skip


def _patient_forms(at: Practice) -> dict[str, list[Body]]:
    names = {"responsible_party_first_name": "Eva", "responsible_party_last_name": "Betz"}
    return {
        "sex": [{"sex": each} for each in ("male", "unknown", "Female")],
        "insurance_sequence": [{"insurance_sequence": each} for each in ("secondary", "tertiary")],
        "responsible_party": [{"responsible_party": each} | names for each in PARTIES],
        "check_eligibility": [{"check_eligibility": True}], **_fallback(at),
    }  # fmt: skip


def _change(at: Practice) -> Body:
    return {
        "phone": "222-333-4444", "cell_phone": "222-333-4445", "email": "ana@example.com",
        "address_street": "1 Elm St", "address_line2": "Apt 2", "address_city": "Larkspur", "address_state": "DC",
        "address_zip": "00412-0001", "save_previous_address": False, "referring_provider_first_name": "Mary Ann",
        "referring_provider_last_name": "de la Cruz", "referring_provider_id": "RP101", "pcp_first_name": "Jo",
        "pcp_last_name": "Ray", "pcp_id": "RP102", "referred_to_provider_id": "502",
    }  # fmt: skip


def _fallback(at: Practice) -> dict[str, list[Body]]:
    """An id that nobody knows falls back to the names (contract §4.7)."""
    unknown = "c0ffee" * 5 + "00"
    return {
        f"{who}_id": [{f"{who}_id": each, f"{who}_last_name": "Ray"} for each in (unknown, uuid(unknown))]
        for who in ("pcp", "referring_provider")
    }


def _insurance(at: Practice) -> Body:
    person = {"first_name": "Eva", "last_name": "Betz", "street_line_1": "1 Elm St", "city": "Larkspur", "state": "ny",
              "zip": "00412", "sex": "female", "dob": "1960-01-02", "phone": "212-555-0126"}  # fmt: skip
    return {
        "insurance_name": "Evergreen Care HMO", "insurance_payer_id": "SBX03", "insurance_provider_id": "P003",
        "member_id": "EV7", "group_id": "G9", "priority": "3", "plan_begin_date": "2026-01-01", "copayment": 20,
        "relationship_to_subscriber": "32", "subscriber_demographics": person,
    }  # fmt: skip


def _insurance_forms(at: Practice) -> dict[str, list[Body]]:
    person = _insurance(at)["subscriber_demographics"]
    return {
        "insurance_name": [
            {"insurance_provider_id": None, "insurance_name": "Evergreen Care HMO"} | payer
            for payer in ({}, {"insurance_payer_id": "SBX03"})
        ],
        "priority": [{"priority": each} for each in ("1", "2", "3", 3)],
        "copayment": [{"copayment": each} for each in (0, 12.5, "20.00")],
        "relationship_to_subscriber": [
            {"relationship_to_subscriber": each, "subscriber_demographics": person} for each in RELATIONS
        ],
        "subscriber_demographics": [{"subscriber_demographics": person | {"zip": "00412-0001", "state": "NY"}}],
    }  # fmt: skip


def _note(at: Practice) -> Body:
    parts = {"subjective": "Coughs", "objective": "Clear", "assessment": "Cold", "plan": "Rest"}
    return {"appointment_id": at.booked, "note": parts, "icd_10_codes": ["J20.9"], "cpt_codes": ["99213"]}


def _note_forms(at: Practice) -> dict[str, list[Body]]:
    parts = _note(at)["note"]
    return {
        "note": [{"note": "One line\nand another"}, *({"note": {name: parts[name]}} for name in parts)],
        "appointment_id": [{"appointment_id": uuid(at.booked)}],
    }


def _document(at: Practice) -> Body:
    return {
        "folder_name": "Lab results", "patient_mrn": at.mrn, "document": ("ecg.pdf", PDF, "application/pdf"),
        "emr_assigned_to_id": at.user, "is_reviewed": "true", "notes": "High", "is_high_priority": "true",
    }  # fmt: skip


def _referral(at: Practice) -> Body:
    return {
        "patient_mrn": at.mrn, "referring_from_provider_ehr_id": "RP101", "referring_to_provider_ehr_id": "501",
        "direction": "incoming", "priority": "urgent", "reason": "Palpitations", "diagnosis_codes": ["I10"],
        "documents": [{"filename": "ecg.pdf", "content_base64": base64.b64encode(PDF).decode()}],
    }  # fmt: skip


def _referral_forms(at: Practice) -> dict[str, list[Body]]:
    sides = {"referring_from_provider_ehr_id": "501", "referring_to_provider_ehr_id": "RP101"}
    return {
        "direction": [{"direction": "outgoing"} | sides],
        "referring_to_provider_ehr_id": [{"referring_to_provider_ehr_id": nobody} for nobody in ("0", 0)],
        "priority": [{"priority": each} for each in ("routine", "stat")],
    }


def _referring_provider(at: Practice) -> Body:
    return {
        "first_name": "Ida", "last_name": "Nuñez", "npi": NPI, "phone": "212-555-0150", "fax": "212-555-0151",
        "email": "ida@example.com", "address": "3 Oak Rd", "city": "Troy", "state": "NY", "zip_code": "00413",
    }  # fmt: skip


def _task(at: Practice) -> Body:
    return {
        "subject": "Call back", "description": "About the results", "assignee_user_id": at.user, "patient_mrn": at.mrn,
        "phone_call_type_id": "CT2", "notify_list": [at.user],
    }  # fmt: skip


def _call(at: Practice) -> Body:
    return {
        "patient_mrn": at.mrn, "provider_id": "501", "location_id": "101", "assigned_to_id": at.user,
        "reason": "x" * 50, "pharmacy_ehr_id": "801",
    }  # fmt: skip


def _payment(at: Practice) -> Body:
    return {
        "patient_mrn": at.mrn, "payment_method": "Card", "reference_number": "7", "location": "101", "amount": 35.5,
        "notes": "Copay", "deposit_date": "2026-01-31",
    }  # fmt: skip


WHOLE: Any = {
    "POST /appointments": _appointment,
    "PATCH /appointments/{id}": lambda at: {
        "note": "Later", "datetime": f"{at.day}T11:00:00-05:00", "location": "102", "provider": "502", "type": "PHYS",
        "reason": "Knee",
    },
    "POST /patients": _patient,
    "PATCH /patients/{id}": _change,
    "POST /patients/{patient_mrn}/insurances": _insurance,
    "PATCH /patients/{patient_mrn}/insurances/{emr_insurance_id}": lambda at: {**_insurance(at), "priority": "2"},
    "POST /notes": _note,
    "POST /patient-notes": lambda at: {
        "note": "Said yes\nthen no", "subject": "Call", "patient_mrn": at.mrn, "location_id": "101",
    },
    "POST /documents": _document,
    "POST /referrals": _referral,
    "POST /referring-providers": _referring_provider,
    "POST /tasks": _task,
    "POST /tasks/notes": lambda at: {"emr_task_id": at.task, "note": "Done"},
    "POST /messages": lambda at: {"provider": "501", "subject": "Results", "message": "They are in."},
    "POST /telephone-encounters": _call,
    "POST /telephone-encounters/actions": lambda at: {
        "emr_appointment_id": at.call, "text": "Called back", "is_high_priority": "true",
    },
    "POST /claims": lambda at: {"appointment_id": at.visit},
    "POST /payments": _payment,
}  # fmt: skip
MORE: Any = {
    "POST /appointments": _appointment_forms,
    "PATCH /appointments/{id}": _change_forms,
    "POST /patients": _patient_forms,
    "PATCH /patients/{id}": _fallback,
    "POST /patients/{patient_mrn}/insurances": _insurance_forms,
    "PATCH /patients/{patient_mrn}/insurances/{emr_insurance_id}": _insurance_forms,
    "POST /notes": _note_forms,
    "POST /documents": lambda at: {"is_reviewed": [{"is_reviewed": "false"}]},
    "POST /referrals": _referral_forms,
    "POST /telephone-encounters": lambda at: {"refill_medication_name": [{"refill_medication_name": "in"}]},
    "POST /telephone-encounters/actions": lambda at: {"is_high_priority": [{"is_high_priority": False}]},
    "POST /claims": lambda at: {"appointment_id": [{"appointment_id": uuid(at.visit)}]},
    "POST /payments": lambda at: {"amount": [{"amount": each} for each in (1, "35.00")]},
}
# What the contract says is required. Where it depends on the EHR, what the sandbox EHR requires.
REQUIRED = {
    "POST /appointments": "mrn location provider type datetime",
    "POST /patients": "first_name last_name dob sex phone",
    "POST /patients/{patient_mrn}/insurances": "insurance_provider_id member_id",
    "POST /notes": "appointment_id note",
    "POST /patient-notes": "note subject patient_mrn location_id",
    "POST /documents": "folder_name patient_mrn document",
    "POST /referrals": "patient_mrn referring_from_provider_ehr_id referring_to_provider_ehr_id direction priority"
    " reason",
    "POST /referring-providers": "first_name last_name npi",
    "POST /tasks": "subject description assignee_user_id patient_mrn",
    "POST /tasks/notes": "emr_task_id note",
    "POST /messages": "provider subject message",
    "POST /telephone-encounters": "patient_mrn provider_id location_id assigned_to_id",
    "POST /telephone-encounters/actions": "emr_appointment_id text",
    "POST /claims": "appointment_id",
    "POST /payments": "patient_mrn payment_method reference_number location amount",
}  # fmt: skip
BESIDE = {
    "save_previous_address": ("address_street",),
    "responsible_party": ("responsible_party_first_name", "responsible_party_last_name"),
}
EITHER = {"insurance_provider_id"}  # or insurance_name
