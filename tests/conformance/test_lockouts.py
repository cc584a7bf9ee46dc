"""Which cases type a wrong password or code on purpose, and so could lock an account at a real EHR."""

from __future__ import annotations

from pathlib import Path

from cobalt_link.conformance.cases import Case, CaseStep
from cobalt_link.conformance.lockouts import wrong_tries
from tests.conformance.worked_example import checked
from tests.support.world import Sandbox

WRONG = CaseStep(username="{login}", password="{canary}")
RIGHT = CaseStep(username="{login}", password="{password}")
GIVEN = {"login": "ann", "password": "secret"}


def test_wrong_passwords_and_codes_are_counted_for_both_runs() -> None:
    cases = [
        Case(name="right", ends="granted", steps=(RIGHT,)),
        Case(name="wrong twice", ends="granted", steps=(WRONG, WRONG, RIGHT)),
        Case(name="wrong code", ends="granted", steps=(RIGHT, CaseStep(code="{canary}"))),
        Case(name="somebody", ends="locked", steps=(CaseStep(username="user_locked", password="{canary}"),)),
    ]
    assert wrong_tries(cases, GIVEN) == {
        "wrong twice": {"ann": 4},
        "wrong code": {"ann": 2},
        "somebody": {"user_locked": 2},
    }


def test_a_case_that_makes_the_canary_the_password_types_nothing_wrong() -> None:
    prepare = (CaseStep(send="PUT /users/ann", json={"password": "{canary}"}),)
    assert not wrong_tries([Case(name="x", ends="granted", prepare=prepare, steps=(WRONG,))], GIVEN)


def test_a_case_that_does_not_run_locks_nobody() -> None:
    assert not wrong_tries([Case(name="x", ends="granted", steps=(WRONG,))], {})
    assert not wrong_tries([Case(name="x", ends="granted", unless=("login",), steps=(WRONG,))], GIVEN)


async def test_cases_with_wrong_passwords_can_be_left_out(tmp_path: Path, sandbox: Sandbox) -> None:
    report = await checked(tmp_path, address=sandbox.address, wrong_passwords=False)
    assert report.passed and len(report.ran) == 3
    assert report.skipped == (
        "A wrong password, a wrong code, then both right: it types a wrong password or code",
        "A locked account: it types a wrong password or code",
    )
