"""Requests of every kind of write: full ones with the write that each becomes, other spellings, and wrong ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from cobalt_link.connector import writes
from cobalt_link.connector.writes import Ai, Soap, Write

Body = dict[str, Any]
REF: Body = {"ref": "0" * 32}
PATIENT: Body = REF | {"patient_ehr_id": "p", "patient_mrn": "m"}
MRN: Body = {"patient_mrn": "1"}
AI: Body = {"model": "scribe", "version": "2", "editor": "Dr. Lee", "signer": "Dr. Lee"}
START = "2026-12-01T09:30:00Z"

_AT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
_VISIT: Body = {"location": "L", "provider": "P", "type": "FU", "datetime": START, "duration": "20"} | {
    "note": "Bring the card",
    "reason": "Cough",
}
_VISIT_WRITE: Body = {"location_ehr_id": "L", "provider_ehr_id": "P", "type": "FU", "start": _AT, "duration": 20} | {
    "note": "Bring the card",
    "reason": "Cough",
}
_PLACE: Body = {
    "address_street": "1 Elm St",
    "address_line2": "Apt 2",
    "address_city": "Phoenix",
    "address_state": "AZ",
    "address_zip": "85004-1234",
}
_WHO: Body = {
    "email": "ana@example.com",
    "referring_provider_first_name": "Rui",
    "referring_provider_last_name": "Melo",
    "pcp_first_name": "Eva",
    "pcp_last_name": "Cruz",
}
_CONTACTS: Body = _PLACE | _WHO | {"phone": "(222) 333-4444", "cell_phone": "+1 222 333 4445", "address_state": "az"}
_CONTACTS |= {"referring_provider_id": "R", "pcp_id": "C", "referred_to_provider_id": "T"}
_CONTACTS_WRITE: Body = _PLACE | _WHO | {"phone": "222-333-4444", "cell_phone": "222-333-4445"}
_CONTACTS_WRITE |= {"referring_provider_ehr_id": "ehr:R", "pcp_ehr_id": "ehr:C", "referred_to_provider_ehr_id": "ehr:T"}
_PERSON: Body = {
    "first_name": "Ana",
    "last_name": "Silva",
    "middle_name": "Maria",
    "no_email_reason": "declined",
    "insurance_name": "Acme Health",
    "insurance_subscriber_number": "A1",
    "insurance_sequence": "primary",
    "secondary_insurance_name": "Beta",
    "secondary_insurance_subscriber_number": "B1",
    "responsible_party": "parent",
    "responsible_party_first_name": "Eva",
    "responsible_party_last_name": "Silva",
    "emergency_contact_first_name": "Eva",
    "emergency_contact_last_name": "Silva",
    "emergency_contact_relation": "mother",
}
_PLAN: Body = {"insurance_name": "Acme Health", "insurance_payer_id": "60054", "member_id": "A1", "group_id": "G"}
_SUBSCRIBER: Body = {"first_name": "Eva", "last_name": "Silva", "state": "AZ", "zip": "85004"}
_INSURANCE: Body = _PLAN | {
    "insurance_provider_id": "I",
    "priority": "2",
    "plan_begin_date": "2026-01-01",
    "copayment": "20",
    "relationship_to_subscriber": "Step_Parent",
    "subscriber_demographics": _SUBSCRIBER | {"state": "az", "sex": ""},
}
_INSURANCE_WRITE: Body = _PLAN | {
    "insurance_provider_ehr_id": "ehr:I",
    "priority": 2,
    "plan_begin_date": date(2026, 1, 1),
    "copayment": "20.00",
    "relationship_to_subscriber": "17",
    "subscriber_demographics": _SUBSCRIBER,
}
_NOTE: Body = {
    "note": {"subjective": "Cough", "objective": "Clear", "assessment": "Cold", "plan": "Rest"},
    "icd_10_codes": "j20.9, U07.1",
    "cpt_codes": [" 99213 ", "0001f"],
    "sign": "true",
    "ai": AI,
}
_NOTE_WRITE: Body = {
    "parts": Soap(subjective="Cough", objective="Clear", assessment="Cold", plan="Rest"),
    "icd_10_codes": ("J20.9", "U07.1"),
    "cpt_codes": ("99213", "0001F"),
    "sign": True,
    "ai": Ai(**AI),
}
_NEIGHBOR: Body = {
    "first_name": "Rui",
    "last_name": "Melo",
    "npi": "1234567893",
    "phone": "222-333-4444",
    "fax": "222-333-4445",
    "email": "rui@example.com",
    "address": "1 Elm St",
    "city": "Phoenix",
    "zip_code": "85004",
}
_REFERRAL: Body = {"direction": "incoming", "priority": "urgent", "reason": "Knee"}

FULL: dict[str, tuple[Body, Write]] = {
    "appointments.create": (
        _VISIT | {"mrn": "1", "secondary_provider": "S", "new_patient": "true", "prevent_double_booking": "true"},
        writes.NewAppointment(
            **PATIENT | _VISIT_WRITE, secondary_provider_ehr_id="S", new_patient=True, prevent_double_booking=True
        ),
    ),
    "appointments.update": (
        _VISIT
        | {"mrn": "1", "status": "Cancelled", "secondary_provider": "S"}
        | {"new_patient": True, "prevent_double_booking": True},
        writes.AppointmentChange(**REF | _VISIT_WRITE, ehr_id="ehr:target", cancel=True),
    ),
    "patients.create": (
        _CONTACTS
        | _PERSON
        | {"dob": "1980-05-04", "sex": "Female", "insurance_provider_id": "I", "pharmacy_id": "F"}
        | {"check_eligibility": "true", "emergency_contact_phone": "222.333.4446"},
        writes.NewPatient(
            **REF | _CONTACTS_WRITE | _PERSON,
            dob=date(1980, 5, 4),
            sex="female",
            insurance_provider_ehr_id="ehr:I",
            pharmacy_ehr_id="ehr:F",
            check_eligibility=True,
            emergency_contact_phone="222-333-4446",
        ),
    ),
    "patients.update": (
        _CONTACTS | {"first_name": "Ana", "save_previous_address": "true"},
        writes.PatientChange(**REF | _CONTACTS_WRITE, ehr_id="ehr:target", save_previous_address=True),
    ),
    "insurances.create": (MRN | _INSURANCE, writes.NewInsurance(**PATIENT | _INSURANCE_WRITE)),
    "insurances.update": (
        MRN | _INSURANCE,
        writes.InsuranceChange(**PATIENT | _INSURANCE_WRITE, ehr_id="ehr:target"),
    ),
    "notes.create": (
        _NOTE | {"appointment_id": "17"},
        writes.NewNote(**REF | _NOTE_WRITE, appointment_ehr_id="ehr:17"),
    ),
    "notes.update": (_NOTE, writes.NoteChange(**REF | _NOTE_WRITE, ehr_id="ehr:target")),
    "patient_notes.create": (
        MRN | {"note": "Called.\nNo answer.", "subject": "Call", "location_id": "L"},
        writes.NewPatientNote(**PATIENT, note="Called.\nNo answer.", subject="Call", location_ehr_id="L"),
    ),
    "documents.create": (
        MRN
        | {"folder_name": "Letters", "emr_assigned_to_id": "U", "notes": "Read it", "ai": AI}
        | {"is_reviewed": "true", "is_high_priority": "true"},
        writes.NewDocument(
            **PATIENT,
            folder_name="Letters",
            filename="scan.pdf",
            media_type="application/pdf",
            content=b"%PDF-1.7",
            assigned_to_ehr_id="U",
            is_reviewed=True,
            notes="Read it",
            is_high_priority=True,
            ai=Ai(**AI),
        ),
    ),
    "referrals.create": (
        MRN
        | _REFERRAL
        | {"referring_from_provider_ehr_id": "A", "referring_to_provider_ehr_id": 0, "diagnosis_codes": "I10,M17.0"}
        | {"documents": [{"filename": "a.pdf", "content_base64": "AAEC/w=="}]},
        writes.NewReferral(
            **PATIENT | _REFERRAL,
            from_provider_ehr_id="A",
            to_provider_ehr_id="0",
            diagnosis_codes=("I10", "M17.0"),
            documents=(writes.ReferralDocument(filename="a.pdf", content=b"\0\1\2\xff"),),
        ),
    ),
    "referring_providers.create": (
        _NEIGHBOR | {"state": "az"},
        writes.NewReferringProvider(**REF | _NEIGHBOR, state="AZ"),
    ),
    "tasks.create": (
        MRN
        | {"description": "Call", "subject": "Labs", "assignee_user_id": "7"}
        | {"phone_call_type_id": "2", "notify_list": "7,8"},
        writes.NewTask(
            **PATIENT,
            description="Call",
            subject="Labs",
            assignee_ehr_id="7",
            phone_call_type_id="2",
            notify_list=("7", "8"),
        ),
    ),
    "task_notes.create": (
        {"emr_task_id": "3", "note": "Done"},
        writes.NewTaskNote(**REF, task_ehr_id="ehr:3", note="Done"),
    ),
    "messages.create": (
        {"provider": "P", "subject": "Labs", "message": "Are back"},
        writes.NewMessage(**REF, provider_ehr_id="P", subject="Labs", message="Are back"),
    ),
    "telephone_encounters.create": (
        MRN
        | {"provider_id": "P", "location_id": "L", "assigned_to_id": "U"}
        | {"reason": "Refill", "refill_medication_name": "Lisin", "pharmacy_ehr_id": "F"},
        writes.NewTelephoneEncounter(
            **PATIENT,
            provider_ehr_id="P",
            location_ehr_id="L",
            assigned_to_ehr_id="U",
            reason="Refill",
            refill_medication_name="Lisin",
            pharmacy_ehr_id="F",
        ),
    ),
    "telephone_encounters.add_action": (
        {"emr_appointment_id": "E", "text": "Called back", "is_high_priority": "true"},
        writes.NewTelephoneAction(**REF, appointment_ehr_id="ehr:E", text="Called back", is_high_priority=True),
    ),
    "claims.create": ({"appointment_id": "a" * 32}, writes.NewClaim(**REF, appointment_ehr_id="ehr:" + "a" * 32)),
    "payments.create": (
        MRN
        | {"payment_method": "Card", "reference_number": 17, "location": "L", "amount": "35"}
        | {"notes": "Copay", "deposit_date": "2026-12-01"},
        writes.NewPayment(
            **PATIENT,
            payment_method="Card",
            reference_number="17",
            location_ehr_id="L",
            amount="35.00",
            notes="Copay",
            deposit_date=date(2026, 12, 1),
        ),
    ),
}

_BOOKED: Body = {"mrn": "1", "location": "L", "provider": "P", "type": "FU", "datetime": START}
_PAID: Body = MRN | {"payment_method": "Card", "reference_number": "1", "location": "L"}
_PLANNED: Body = MRN | {"insurance_name": "Acme"}
_NOTED: Body = {"appointment_id": "17", "note": {"plan": "Rest"}}
_NAMED = ("referring_provider_first_name", "referring_provider_last_name")


def _each(operation: str, good: Body, field: str, to: str, spellings: dict[Any, Any]) -> list[tuple[str, Body, Body]]:
    return [(operation, good | {field: said}, {to: value}) for said, value in spellings.items()]


REQUESTS: list[tuple[str, Body, Body]] = [
    ("appointments.update", {"status": "CANCELED"}, {"cancel": True, "status": None}),
    ("appointments.update", {"status": "CheckedIn"}, {"cancel": None, "status": "CheckedIn"}),
    ("appointments.create", _BOOKED | {"provider": 5}, {"provider_ehr_id": "5"}),
    ("tasks.create", MRN | {"description": "Call", "notify_list": [7, "8"]}, {"notify_list": ("7", "8")}),
    *_each("patients.create", {}, "phone", "phone", dict.fromkeys(
        ("2223334444", "222-333-4444", "(222) 333 4444", "1-222-333-4444", "+1.222.333.4444", "２２２-３３３-４４４４"),
        "222-333-4444",
    )),
    *_each("patients.update", {}, "address_state", "address_state", {"az": "AZ", " Tx ": "TX"}),
    *_each("patients.update", {}, "address_zip", "address_zip", {"85004": "85004", 85004: "85004"}),
    *(
        ("patients.create", {"referring_provider": said}, dict(zip(_NAMED, names, strict=True)))
        for said, names in {
            "Dr. Rui Melo": ("Rui", "Melo"),
            "Ana Maria Cruz": ("Ana Maria", "Cruz"),
            "Melo": (None, "Melo"),
        }.items()
    ),
    *_each("insurances.create", _PLANNED, "relationship_to_subscriber", "relationship_to_subscriber", {
        "self": "01", "SPOUSE": "02", "mother": "32", "father": "33", "step  parent": "17", "Employee": "20",
        "life_partner": "53", "other": "25", "Child": "child", "01": "01", "53": "53",
    }),
    *_each("insurances.create", _PLANNED, "copayment", "copayment", {0: "0.00", "20.5": "20.50", 35.1: "35.10"}),
    *_each("payments.create", _PAID, "amount", "amount", {
        "0.01": "0.01", 35: "35.00", 35.1: "35.10", "19.999": "19.999", "999999999.99": "999999999.99",
    }),
    ("insurances.create", _PLANNED | {"subscriber_demographics": {"sex": "F", "state": "", "zip": ""}},
     {"subscriber_demographics": {"sex": "F"}}),
    *_each("notes.create", _NOTED, "icd_10_codes", "icd_10_codes", {
        "z3a.01": ["Z3A.01"], "I10,C7A.00": ["I10", "C7A.00"], "M1A.0110": ["M1A.0110"],
    }),
    ("patients.create", {"phone": "", "address_zip": " ", "first_name": "Ana"}, {"phone": None, "address_zip": None}),
]  # fmt: skip

_PHONES = {
    each: f"Invalid {each}: send ten digits as 222-333-4444."
    for each in ("phone", "cell_phone", "emergency_contact_phone")
}
_RELATIONS = "self, spouse, mother, father, step parent, employee, life partner, other, child"
_STATE = "send the two letters of the state, such as AZ."
_ZIP = "send a ZIP code as 85004 or 85004-1234."
_EMPTY = "The note is empty. Fill at least one of subjective, objective, assessment, plan."
_NPI = "Invalid npi: send the ten digits of a National Provider Identifier."
_PATIENT_NOTE: Body = MRN | {"note": "x", "subject": "y", "location_id": "L"}
_SENT: Body = MRN | _REFERRAL | {"referring_from_provider_ehr_id": "A", "referring_to_provider_ehr_id": "0"}
_TASK: Body = {"description": "Call"}
_CALL: Body = {"provider_id": "P", "location_id": "L", "assigned_to_id": "U"}
_NO_DATE: Body = {"datetime": None}

REFUSED: list[tuple[str, Body, Body, str]] = [
    ("appointments.create", _BOOKED, {"mrn": ""}, "Missing required field: mrn"),
    ("appointments.create", _BOOKED, _NO_DATE, "Missing required field: datetime"),
    ("appointments.create", _BOOKED, _NO_DATE | {"date": "2026-12-01"}, "Missing required field: time"),
    ("appointments.create", _BOOKED, _NO_DATE | {"time": "10:00"}, "Missing required field: date"),
    ("appointments.create", _BOOKED, _NO_DATE | {"date": "12/01/2026", "time": "10:00"},
     "Invalid date format in date. Use ISO format (YYYY-MM-DD)."),
    ("appointments.update", {"note": "x"}, {"note": "", "dry_run": True, "expires_in": 60},
     "Send at least one field to change, such as status or note."),
    *(("patients.create", {}, {name: bad}, text)
      for name, text in _PHONES.items() for bad in ("222-333-444", "222-333-44445", "2-222-333-4444", "none")),
    *(("patients.update", {"phone": "2223334444"}, {"address_state": bad}, f"Invalid address_state: {_STATE}")
      for bad in ("Arizona", "A", "A1", "ÄZ")),
    *(("patients.update", {"phone": "2223334444"}, {"address_zip": bad}, f"Invalid address_zip: {_ZIP}")
      for bad in ("8500", "850041", "85004-12", "85004 1234", "٨٥٠٠٤")),
    ("patients.create", {}, {"email": "ana"}, "Invalid email: send an address such as ana@example.com."),
    ("patients.create", {}, {"responsible_party": "spouse", "responsible_party_first_name": "Eva"},
     "Missing required field: responsible_party_last_name"),
    ("patients.update", {"phone": "2223334444"}, {"phone": "", "save_previous_address": True},
     "Send at least one field to change, such as phone or email."),
    ("insurances.create", _PLANNED, {"insurance_name": "", "insurance_payer_id": "60054"},
     "Missing required field: insurance_provider_id. Send insurance_provider_id, or insurance_name. A payer id alone"
     " does not name a plan."),
    *(("insurances.update", MRN | {"group_id": "G"}, {"relationship_to_subscriber": bad},
       f"Invalid relationship_to_subscriber. Use one of: {_RELATIONS}, or their codes.")
      for bad in ("aunt", "1", "99")),
    *(("insurances.update", MRN | {"group_id": "G"}, {"copayment": bad},
       "Invalid copayment: send an amount of 0 or more, such as 20.00.") for bad in ("-0.01", "1000000000")),
    ("insurances.update", MRN | {"group_id": "G"}, {"subscriber_demographics": {"state": "Arizona"}},
     f"Invalid subscriber_demographics.state: {_STATE}"),
    ("insurances.update", MRN | {"group_id": "G"}, {"subscriber_demographics": {"zip": "8500"}},
     f"Invalid subscriber_demographics.zip: {_ZIP}"),
    ("insurances.update", MRN | {"group_id": "G"}, {"group_id": "", "expires_in": 60},
     "Send at least one field to change, such as member_id."),
    *(("notes.create", _NOTED, {"note": bad}, "Missing required field: note") for bad in (None, "")),
    *(("notes.create", _NOTED, {"note": bad}, _EMPTY)
      for bad in ({}, {"plan": ""}, {"plan": " \n", "objective": None})),
    ("notes.create", _NOTED, {"note": " \n\u200b"}, "The note is empty. Send its text."),
    ("notes.create", _NOTED, {"note": None, "sign": True}, "Missing required field: note"),
    ("notes.update", {"sign": True}, {"sign": False}, "Missing required field: note"),
    *(("notes.update", {"note": "Rest"}, {name: code},
       "Codes go with a structured note. Send note as an object of subjective, objective, …")
      for name, code in (("icd_10_codes", "I10"), ("cpt_codes", "99213"))),
    *(("notes.create", _NOTED, {"icd_10_codes": ["I10", bad]},
       f"Invalid icd_10_codes: {bad}. Send codes such as J20.9 or 99213.")
      for bad in ("J209", "20.9", "J20.", "J20.12345", "99213", "JJ0")),
    *(("notes.create", _NOTED, {"cpt_codes": [bad, "99213"]},
       f"Invalid cpt_codes: {bad}. Send codes such as J20.9 or 99213.")
      for bad in ("9921", "992133", "J20.9", "9921-")),
    ("patient_notes.create", _PATIENT_NOTE, {"patient_mrn": None}, "Missing required field: patient_mrn"),
    ("patient_notes.create", _PATIENT_NOTE, {"note": " \n"}, "The note is empty. Send its text."),
    ("referrals.create", _SENT, {"patient_mrn": None}, "Missing required field: patient_mrn"),
    *(("referrals.create", _SENT, {"documents": [{"filename": "a.pdf", "content_base64": bad}]},
       "Invalid documents[0].content_base64: send the file in Base64, padded with =.") for bad in ("AAE", "A*==", "ü")),
    *(("referring_providers.create", _NEIGHBOR, {"npi": bad}, _NPI)
      for bad in ("1234567890", "1234567894", "2134567893", "123456789", "3234567893", "12345678931", "١234567893")),
    *(("referring_providers.create", _NEIGHBOR, {name: bad}, f"Invalid {name}: send it as 222-333-4444.")
      for name in ("phone", "fax") for bad in ("2223334444", "(222) 333-4444", "222-333-44445")),
    ("referring_providers.create", _NEIGHBOR, {"state": "Arizona"}, f"Invalid state: {_STATE}"),
    ("referring_providers.create", _NEIGHBOR, {"zip_code": "8500"}, f"Invalid zip_code: {_ZIP}"),
    ("tasks.create", _TASK | MRN, {"patient_mrn": ""}, "Missing required field: patient_mrn"),
    ("task_notes.create", {"emr_task_id": "1", "note": "x"}, {"subject": "y"},
     "Unexpected fields in request body: subject"),
    ("telephone_encounters.create", _CALL | MRN, {"patient_mrn": ""}, "Missing required field: patient_mrn"),
    ("claims.create", {"appointment_id": "a" * 32}, {"appointment_id": ""}, "'appointment_id' is required."),
    *(("claims.create", {"appointment_id": "a" * 32}, {"appointment_id": bad},
       "Invalid 'appointment_id' format. Please provide a valid UUID.") for bad in ("17", "a" * 31, "g" * 32)),
    ("payments.create", _PAID | {"amount": "1"}, {"patient_mrn": ""}, "Missing required field: patient_mrn"),
    *(("payments.create", _PAID | {"amount": "1"}, {"amount": bad},
       "Invalid amount: send a number above 0, such as 35.00.") for bad in ("0", "-3", "1000000000")),
]  # fmt: skip
