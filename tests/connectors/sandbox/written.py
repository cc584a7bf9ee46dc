"""A write of every kind into the sandbox EHR, with what the EHR's own API has to show of it afterwards.

The rows that a write needs first (a visit to change, a task for a note) are made over the EHR's own API.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec

from cobalt_link.connector import writes
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.writes import WriteCapability
from tests.support.world import Sandbox

NOON = datetime(2026, 3, 4, 12, tzinfo=ZoneInfo("America/New_York"))
PDF = b"%PDF-1.4 a\r\n--boundary\x00\xff"
AI = writes.Ai(model="scribe", version="2.1", editor="Ana Betz", signer="Dr. Vale")


class Case(msgspec.Struct, frozen=True):
    """`path` is the EHR's list, `theirs` what the row there has to hold at least."""

    write: writes.Write
    path: str
    theirs: dict[str, Any]
    shown: dict[str, Any] = {}

    @property
    def capability(self) -> WriteCapability:
        return self.write.capability

    @property
    def row(self) -> str:
        """What the EHR calls one row of the list."""
        return self.path.replace("-", "_").removesuffix("s")


class Clinic:
    """The EHR's own API, with a session of its own."""

    def __init__(self, sandbox: Sandbox, chart: Chart) -> None:
        self.sandbox = sandbox
        self.headers = {"Authorization": f"Bearer {chart.session['token']}"}
        self.number = 0

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.sandbox.http.get(f"/api/{path}", params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.sandbox.http.request(method, f"/api/{path}", json=body, headers=self.headers)
        assert answer.status_code in (200, 201), answer.text
        return next(iter(answer.json().values()))

    async def patient(self) -> dict[str, Any]:
        """Another one at each call, with two plans at most and some medications."""
        rows = (await self.get("patients", limit=200))["patients"]
        fit = [row for row in rows if len(row["insurance"]) < 3 and row["medications"]]
        self.number += 1
        return fit[self.number]

    async def visit(self, **more: Any) -> dict[str, Any]:
        """A new visit, a day after the one before, at an hour at which nobody works."""
        self.number += 1
        start = NOON.replace(hour=20) + timedelta(days=self.number)
        whose = {"patient_id": (await self.patient())["id"], "provider_id": "501", "location_id": "101"}
        return await self.send("POST", "appointments", **whose, type="FU", start=start.isoformat(), **more)

    async def count(self, ref: str) -> int:
        """How many rows the EHR has of this reference, of any kind."""
        found = (await self.sandbox.lab(f"written?client_ref={ref}"))["written"]
        return max((row["rows"] for row in found), default=0)


def ref() -> str:
    return uuid4().hex


def npi(number: int) -> str:
    """Ten digits with the check digit of an NPI (45 CFR 162.406: Luhn over 80840 and the NPI)."""
    stem = f"1{number:08}"
    digits = [int(each) for each in f"80840{stem}"][::-1]
    doubled = [sum(divmod(2 * each, 10)) if place % 2 == 0 else each for place, each in enumerate(digits)]
    return f"{stem}{-sum(doubled) % 10}"


async def cases(clinic: Clinic) -> list[Case]:
    """One write of each kind, with every field that the manifest declares. Each call gives other ones."""
    return [
        *await of_visits(clinic),
        *await of_patients(clinic),
        *await of_insurances(clinic),
        *await of_notes(clinic),
        *await of_documents(clinic),
        *await of_tasks(clinic),
        *await of_telephone(clinic),
        *await of_billing(clinic),
    ]


async def of_visits(clinic: Clinic) -> list[Case]:
    person, visit, third = await clinic.patient(), await clinic.visit(), await clinic.visit()
    start = NOON.replace(hour=21) + timedelta(days=clinic.number)
    whose = {"patient_ehr_id": person["id"], "patient_mrn": person["mrn"]}
    told = {"reason": "Knee pain — left", "note": "Bring the films.\nSecond line"}
    place = {"location_id": "102", "provider_id": "503", "type": "PHYS", "minutes": 35, "status": "SCHED", **told}
    shown = {"timezone": "America/New_York", "provider_name": "Zhao, Wei"}
    return [
        Case(
            writes.NewAppointment(
                ref=ref(), **whose, location_ehr_id="102", provider_ehr_id="503", type="PHYS", duration=35,
                start=start.astimezone(ZoneInfo("UTC")), secondary_provider_ehr_id="504", new_patient=True,
                prevent_double_booking=True, **told,
            ),
            "appointments",
            place | {"start": start.isoformat(), "second_provider_id": "504", "new_patient": True},
            shown,
        ),
        Case(
            writes.AppointmentChange(
                ref=ref(), ehr_id=visit["id"], status="CONF", start=start + timedelta(hours=1), duration=35,
                location_ehr_id="102", provider_ehr_id="503", type="PHYS", **told,
            ),
            "appointments",
            place | {"start": (start + timedelta(hours=1)).isoformat(), "status": "CONF"},
            shown,
        ),
        Case(
            writes.AppointmentChange(ref=ref(), ehr_id=third["id"], cancel=True, note="Has a cold"),
            "appointments",
            {"status": "CANC", "note": "Has a cold", "start": third["start"], "reason": third["reason"]},
            shown | {"provider_name": "Okonkwo-Lindqvist, Amara"},
        ),
    ]  # fmt: skip


async def of_patients(clinic: Clinic) -> list[Case]:
    person, name = await clinic.patient(), f"Betz-Ó{uuid4().hex[:8]}"
    reached = {
        "phone": "212-555-0123", "cell_phone": "212-555-0124", "email": "ana@example.com",
        "address_street": "1 Elm St", "address_line2": "Apt 2", "address_city": "Larkspur", "address_state": "NY",
        "address_zip": "00412-0001", "referring_provider_first_name": "Mary Ann",
        "referring_provider_last_name": "de la Cruz", "referring_provider_ehr_id": "RP101", "pcp_first_name": "Jo",
        "pcp_last_name": "Ray", "pcp_ehr_id": "RP102", "referred_to_provider_ehr_id": "502",
    }  # fmt: skip
    theirs = {
        "phones": {"home": "212-555-0123", "mobile": "212-555-0124"},
        "email": "ana@example.com",
        "address": {"street": "1 Elm St", "line2": "Apt 2", "city": "Larkspur", "state": "NY", "zip": "00412-0001"},
        "referred_by": "Mary Ann de la Cruz",
        "referred_by_id": "RP101",
        "primary_care": "Jo Ray",
        "primary_care_id": "RP102",
        "provider_id": "502",
    }
    new = writes.NewPatient(
        ref=ref(), first_name="Zoë", last_name=name, middle_name="M", dob=date(1984, 2, 29), sex="female",
        no_email_reason="none", insurance_name="northlight HEALTH plan", insurance_provider_ehr_id="P002",
        insurance_subscriber_number="NL1", insurance_sequence="primary", secondary_insurance_name="Meadow Mutual",
        secondary_insurance_subscriber_number="MM2", responsible_party="parent",
        responsible_party_first_name="Eva", responsible_party_last_name=name, check_eligibility=True,
        emergency_contact_first_name="Ben", emergency_contact_last_name="Betz", emergency_contact_relation="spouse",
        emergency_contact_phone="212-555-0125", pharmacy_ehr_id="801", **reached,
    )  # fmt: skip
    plans = [
        {"rank": 1, "payer": "Northlight Health Plan", "member_id": "NL1", "group": "", "subscriber": f"Zoë {name}"},
        {"rank": 2, "payer": "Meadow Mutual", "member_id": "MM2", "group": "", "subscriber": f"Zoë {name}"},
    ]
    made = {
        "first_name": "Zoë", "last_name": name, "middle_name": "M", "dob": "1984-02-29", "sex": "F",
        "no_email_reason": "none", "insurance": plans, "pharmacies": [{"pharmacy_id": "801", "primary": True}],
        "responsible_party": {"first_name": "Eva", "last_name": name, "relation": "parent", "phone": ""},
        "emergency_contact": {
            "first_name": "Ben", "last_name": "Betz", "relation": "spouse", "phone": "212-555-0125",
        },
    }  # fmt: skip
    change = writes.PatientChange(ref=ref(), ehr_id=person["id"], save_previous_address=False, **reached)
    same = {name: person[name] for name in ("first_name", "last_name", "dob", "mrn", "previous_addresses")}
    return [
        Case(new, "patients", theirs | made),
        Case(change, "patients", theirs | same, {"mrn": person["mrn"]}),
    ]


async def of_insurances(clinic: Clinic) -> list[Case]:
    person, other = await clinic.patient(), await clinic.patient()
    subscriber = {
        "first_name": "Eva", "last_name": "Betz", "street_line_1": "1 Elm St", "city": "Larkspur", "state": "NY",
        "zip": "00412", "sex": "female", "dob": "1960-01-02", "phone": "212-555-0126",
    }  # fmt: skip
    asked = {
        "insurance_name": "Evergreen care HMO", "insurance_payer_id": "SBX03", "insurance_provider_ehr_id": "P003",
        "member_id": "EV7", "group_id": "G9", "priority": 3, "plan_begin_date": date(2026, 1, 1),
        "copayment": "20", "relationship_to_subscriber": "32", "subscriber_demographics": subscriber,
    }  # fmt: skip
    theirs = {
        "payer_id": "P003", "payer": "Evergreen Care HMO", "member_id": "EV7", "group": "G9", "rank": 3,
        "begins_on": "2026-01-01", "copay": 20, "relation": "mother",
        "subscriber": {
            "first_name": "Eva", "last_name": "Betz", "street": "1 Elm St", "city": "Larkspur", "state": "NY",
            "zip": "00412", "sex": "F", "dob": "1960-01-02", "phone": "212-555-0126",
        },
    }  # fmt: skip
    before = await clinic.send("POST", "insurances", patient_id=other["id"], payer_id="P001", member_id="OLD", rank=3)
    return [
        Case(
            writes.NewInsurance(ref=ref(), patient_ehr_id=person["id"], patient_mrn=person["mrn"], **asked),
            "insurances",
            theirs | {"patient_id": person["id"]},
        ),
        Case(
            writes.InsuranceChange(
                ref=ref(), ehr_id=before["id"], patient_ehr_id=other["id"], patient_mrn=other["mrn"], **asked
            ),
            "insurances",
            theirs | {"patient_id": other["id"]},
        ),
    ]


async def of_notes(clinic: Clinic) -> list[Case]:
    visit, person = await clinic.visit(), await clinic.patient()
    codes = {"icd_10_codes": ("J20.9", "I10"), "cpt_codes": ("99213",), "ai": AI}
    their_codes = {"icd10": ["J20.9", "I10"], "cpt": ["99213"]}
    drafted = {"drafted_by": "scribe 2.1; edited by Ana Betz; signed by Dr. Vale"}
    draft = await clinic.send("POST", "notes", visit_id=visit["id"], sections={"plan": "Wait", "subjective": "Coughs"})
    plain = await clinic.send("POST", "notes", visit_id=visit["id"], text="Draft", icd10=["J02.9"])
    whose = {"patient_ehr_id": person["id"], "patient_mrn": person["mrn"]}
    return [
        Case(
            writes.NewNote(ref=ref(), appointment_ehr_id=visit["id"], text="One\nTwo “three”", **codes),
            "notes",
            {"visit_id": visit["id"], "text": "One\nTwo “three”", "sections": None, "signed": False}
            | their_codes | drafted,
        ),
        Case(
            writes.NewNote(
                ref=ref(), appointment_ehr_id=visit["id"], parts=writes.Soap(subjective="S", plan="P"), sign=True
            ),
            "notes",
            {"sections": {"subjective": "S", "objective": "", "assessment": "", "plan": "P"}, "signed": True},
        ),
        Case(
            writes.NoteChange(ref=ref(), ehr_id=draft["id"], parts=writes.Soap(plan="Rest"), sign=True, **codes),
            "notes",
            {"sections": {"subjective": "Coughs", "objective": "", "assessment": "", "plan": "Rest"}, "signed": True}
            | their_codes | drafted,
        ),
        Case(
            writes.NoteChange(ref=ref(), ehr_id=plain["id"], text="Final"),
            "notes",
            {"text": "Final", "icd10": ["J02.9"], "signed": False},
        ),
        Case(
            writes.NewPatientNote(ref=ref(), **whose, subject="Call", note="Said yes\nthen no", location_ehr_id="102"),
            "patient-notes",
            {"patient_id": person["id"], "subject": "Call", "text": "Said yes\nthen no", "location_id": "102"},
        ),
    ]  # fmt: skip


async def of_documents(clinic: Clinic) -> list[Case]:
    person, user = await clinic.patient(), (await clinic.get("users"))["users"][0]
    whose = {"patient_ehr_id": person["id"], "patient_mrn": person["mrn"]}
    other = f"RP1{clinic.number % 40 + 1:02}"
    number = uuid4().int % 10**8
    return [
        Case(
            writes.NewDocument(
                ref=ref(), **whose, folder_name="lab results", filename="Röntgen; 1.pdf", media_type="application/pdf",
                content=PDF, assigned_to_ehr_id=user["id"], is_reviewed=True, notes="High ‘K’", is_high_priority=True,
                ai=AI,
            ),
            "documents",
            {
                "patient_id": person["id"], "folder_id": "F1", "filename": "Röntgen; 1.pdf", "size": len(PDF),
                "media_type": "application/pdf", "assigned_to": user["id"], "reviewed": True, "notes": "High ‘K’",
                "priority": "high",
            },
        ),
        Case(
            writes.NewReferral(
                ref=ref(), **whose, from_provider_ehr_id=other, to_provider_ehr_id="0", direction="incoming",
                priority="urgent", reason="Palpitations", diagnosis_codes=("I10",),
                documents=(writes.ReferralDocument(filename="ecg.pdf", content=PDF),),
            ),
            "referrals",
            {
                "patient_id": person["id"], "direction": "incoming", "priority": "urgent", "reason": "Palpitations",
                "from_provider_id": other, "to_provider_id": "", "icd10": ["I10"], "status": "open",
            },
        ),
        Case(
            writes.NewReferringProvider(
                ref=ref(), first_name="Ida", last_name="Nuñez", npi=npi(number), phone="212-555-0150",
                fax="212-555-0151", email="ida@example.com", address="3 Oak Rd", city="Troy", state="NY",
                zip_code="00413",
            ),
            "referring-providers",
            {
                "first_name": "Ida", "last_name": "Nuñez", "npi": npi(number), "phone": "212-555-0150",
                "fax": "212-555-0151", "email": "ida@example.com",
                "address": {"street": "3 Oak Rd", "city": "Troy", "state": "NY", "zip": "00413", "line2": ""},
            },
        ),
    ]  # fmt: skip


async def of_tasks(clinic: Clinic) -> list[Case]:
    person, users = await clinic.patient(), [row["id"] for row in (await clinic.get("users"))["users"]]
    task = await clinic.send(
        "POST", "tasks", patient_id=person["id"], subject="A", description="B", assigned_to=users[0]
    )
    return [
        Case(
            writes.NewTask(
                ref=ref(), patient_ehr_id=person["id"], patient_mrn=person["mrn"], subject="Call back",
                description="About the results", assignee_ehr_id=users[1], phone_call_type_id="CT2",
                notify_list=(users[0], users[2]),
            ),
            "tasks",
            {
                "patient_id": person["id"], "subject": "Call back", "description": "About the results",
                "assigned_to": users[1], "call_type_id": "CT2", "notify": [users[0], users[2]], "status": "open",
            },
        ),
        Case(
            writes.NewTaskNote(ref=ref(), task_ehr_id=task["id"], note="Left a message"),
            "task-notes",
            {"task_id": task["id"], "text": "Left a message"},
        ),
        Case(
            writes.NewMessage(ref=ref(), provider_ehr_id="501", subject="Labs", message="They are\nin"),
            "messages",
            {"provider_id": "501", "subject": "Labs", "text": "They are\nin"},
        ),
    ]  # fmt: skip


async def of_telephone(clinic: Clinic) -> list[Case]:
    person, user = await clinic.patient(), (await clinic.get("users"))["users"][0]["id"]
    medicine, store = person["medications"][0]["name"], (await clinic.get("pharmacies"))["pharmacies"][0]["id"]
    called = {"patient_id": person["id"], "provider_id": "502", "location_id": "101", "assigned_to": user}
    call = await clinic.send("POST", "calls", **called)
    return [
        Case(
            writes.NewTelephoneEncounter(
                ref=ref(), patient_ehr_id=person["id"], patient_mrn=person["mrn"], provider_ehr_id="502",
                location_ehr_id="101", assigned_to_ehr_id=user, reason="Refill", refill_medication_name=medicine,
                pharmacy_ehr_id=store,
            ),
            "calls",
            called | {"reason": "Refill", "refill_medication": medicine, "pharmacy_id": store},
        ),
        Case(
            writes.NewTelephoneAction(ref=ref(), appointment_ehr_id=call["id"], text="Sent it", is_high_priority=True),
            "call-actions",
            {"call_id": call["id"], "priority": "high"},
        ),
    ]  # fmt: skip


async def of_billing(clinic: Clinic) -> list[Case]:
    visit, person = await clinic.visit(), await clinic.patient()
    await clinic.send("PATCH", f"appointments/{visit['id']}", status="CHKIN")
    return [
        Case(writes.NewClaim(ref=ref(), appointment_ehr_id=visit["id"]), "claims", {"visit_id": visit["id"]}),
        Case(
            writes.NewPayment(
                ref=ref(), patient_ehr_id=person["id"], patient_mrn=person["mrn"], payment_method="card",
                reference_number="R-1", location_ehr_id="101", amount="35", notes="Copay",
                deposit_date=date(2026, 3, 3),
            ),
            "payments",
            {
                "patient_id": person["id"], "method": "Card", "reference": "R-1", "location_id": "101",
                "amount": "35.00", "notes": "Copay", "deposited_on": "2026-03-03",
            },
        ),
    ]  # fmt: skip
