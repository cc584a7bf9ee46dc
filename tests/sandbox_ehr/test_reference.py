"""The reference page has every login, error, fault, challenge, parameter and refusal."""

import re
from pathlib import Path
from typing import Any

from starlette.routing import Mount, Route

from sandbox_ehr import create_app, refusals
from sandbox_ehr.clinic.calls import CallActionQuery, CallQuery, NewCall, NewCallAction
from sandbox_ehr.clinic.claims import ClaimQuery, NewClaim
from sandbox_ehr.clinic.documents import DocumentChange, DocumentQuery, NewDocument
from sandbox_ehr.clinic.eligibility import BenefitQuery, CheckQuery, NewCheck
from sandbox_ehr.clinic.insurances import InsuranceChange, InsuranceQuery, NewInsurance, Subscriber
from sandbox_ehr.clinic.made_up_patients import Contact
from sandbox_ehr.clinic.messages import MessageQuery, NewMessage
from sandbox_ehr.clinic.notes import NewNote, NewPatientNote, NoteChange, NoteQuery, PatientNoteQuery, Sections
from sandbox_ehr.clinic.orders import OrderQuery
from sandbox_ehr.clinic.patient_writes import NewAddress, NewPatient, NewPhones, PatientChange
from sandbox_ehr.clinic.patients import PatientQuery
from sandbox_ehr.clinic.payers import PayerQuery
from sandbox_ehr.clinic.payments import NewPayment, PaymentQuery
from sandbox_ehr.clinic.referrals import NewReferral, ReferralFile, ReferralQuery
from sandbox_ehr.clinic.referring_providers import NewReferringProvider, ReferringProviderQuery
from sandbox_ehr.clinic.schedule_slots import NewSlot, SlotQuery
from sandbox_ehr.clinic.tasks import NewTask, NewTaskNote, TaskChange, TaskNoteQuery, TaskQuery
from sandbox_ehr.clinic.visit_writes import Cancellation, NewVisit, VisitChange
from sandbox_ehr.clinic.visits import VisitQuery
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.lab.holds import HeldWrite
from sandbox_ehr.lab.routes import ClockChange
from sandbox_ehr.lab.users import UserChange
from sandbox_ehr.login import sandbox_logins
from sandbox_ehr.login.accounts import ALL_RIGHTS
from sandbox_ehr.login.sandbox_logins import LOGINS
from sandbox_ehr.refusals import ERROR_CODES

TEXT = (Path(__file__).parents[2] / "docs/reference/sandbox-ehr.md").read_text("utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", TEXT))


def rows(heading: str) -> set[str]:
    """The first cell of each row in the tables below that heading."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_the_reference_has_every_login_and_no_other() -> None:
    assert rows("Logins") == {login.account.username for login in LOGINS}
    assert sandbox_logins.PASSWORD in WORDS
    assert sandbox_logins.CODE in WORDS


def test_the_reference_has_every_error_on_demand_and_no_other() -> None:  # S-007
    assert rows("Errors on demand") == {f"error_{code}" for code in ERROR_CODES}


def test_the_reference_has_every_fault_switch() -> None:
    named = set(Faults.__struct_fields__)
    assert {row for row in rows("The lab") if " " not in row} == named - {"only_path", "times"}
    assert named <= WORDS


def test_the_reference_has_every_refusal_of_the_source() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(refusals.__file__).parent.rglob("*.py"))
    codes = set(re.findall(r'Refusal\("([a-z_]+)"', source)) - {"down", "unexpected"}
    assert {"wrong_credentials", "locked", "local_only"} <= codes
    assert codes - WORDS == set()


SHAPES = (
    *(PatientQuery, VisitQuery, UserChange, SlotQuery, PayerQuery, InsuranceQuery, CheckQuery, BenefitQuery, NoteQuery),
    *(DocumentQuery, OrderQuery, ReferralQuery, ReferringProviderQuery, TaskQuery, TaskNoteQuery, MessageQuery),
    *(CallQuery, CallActionQuery, ClaimQuery, PaymentQuery, PatientNoteQuery),
    *(NewVisit, VisitChange, Cancellation, NewSlot, NewPatient, PatientChange, NewInsurance, InsuranceChange, NewCheck),
    *(NewNote, NoteChange, NewPatientNote, NewDocument, DocumentChange, NewReferral, ReferralFile),
    *(NewReferringProvider, NewTask, TaskChange, NewTaskNote, NewMessage, NewCall, NewCallAction, NewClaim, NewPayment),
    *(Sections, Subscriber, Contact, NewPhones, NewAddress, HeldWrite),
)


def test_the_reference_has_every_parameter_and_every_member() -> None:
    for shape in SHAPES:
        assert set(shape.__struct_fields__) - WORDS == set(), shape


def test_the_reference_has_every_right() -> None:
    assert set(ALL_RIGHTS) - WORDS == set()


def test_the_reference_has_the_clock_and_the_challenges() -> None:
    assert all(f'"{name}"' in TEXT for name in ClockChange.__struct_fields__)
    assert {"code", "way", "push", "clinic", "smart_card"} <= WORDS


def test_the_reference_has_every_api_path(tmp_path: Path) -> None:
    for route in create_app(tmp_path).routes:
        paths = [route.path] if isinstance(route, Route) else []
        if isinstance(route, Mount):
            guard: Any = route.app  # LocalOnly around a router; Starlette types a mounted app as any callable.
            paths = [route.path + inner.path for inner in guard.app.routes]
        for path in paths:
            assert not path.startswith("/api") or f"{path}`" in TEXT or f"{path} " in TEXT, path
