"""The reference page says what there is: every login, error, fault, challenge and refusal."""

import re
from pathlib import Path

import msgspec
import pytest

from sandbox_ehr import refusals
from sandbox_ehr.clinic.patients import PatientQuery
from sandbox_ehr.clinic.visits import VisitQuery
from sandbox_ehr.lab.faults import Faults
from sandbox_ehr.lab.routes import ClockChange
from sandbox_ehr.lab.users import UserChange
from sandbox_ehr.login import sandbox_logins
from sandbox_ehr.login.sandbox_logins import LOGINS
from sandbox_ehr.refusals import ERROR_CODES

TEXT = (Path(__file__).parents[2] / "docs/reference/sandbox-ehr.md").read_text("utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", TEXT))


def rows(heading: str) -> set[str]:
    """The first cells of the table below that heading."""
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_every_login_stands_there_and_no_other():
    assert rows("Logins") == {login.account.username for login in LOGINS}
    assert sandbox_logins.PASSWORD in WORDS
    assert sandbox_logins.CODE in WORDS


def test_every_error_on_demand_stands_there_and_no_other():  # S-007
    assert rows("Errors on demand") == {f"error_{code}" for code in ERROR_CODES}


def test_every_fault_switch_stands_there():
    named = set(Faults.__struct_fields__)
    assert {row for row in rows("The lab") if " " not in row} == named - {"only_path", "times"}
    assert named <= WORDS


def test_every_refusal_of_the_source_stands_there():
    source = "".join(path.read_text("utf-8") for path in Path(refusals.__file__).parent.rglob("*.py"))
    codes = set(re.findall(r'Refusal\("([a-z_]+)"', source)) - {"down", "unexpected"}
    assert {"wrong_credentials", "locked", "local_only"} <= codes
    assert codes - WORDS == set()


@pytest.mark.parametrize("shape", [PatientQuery, VisitQuery, UserChange])
def test_every_parameter_stands_there(shape: type[msgspec.Struct]):
    assert set(shape.__struct_fields__) - WORDS == set()


def test_the_clock_and_the_challenges_stand_there():
    assert all(f'"{name}"' in TEXT for name in ClockChange.__struct_fields__)
    assert {"code", "way", "push", "clinic", "smart_card"} <= WORDS
