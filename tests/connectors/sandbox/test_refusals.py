"""Every refusal of the catalogue can be produced on demand at the sandbox EHR, and ends where it should (S-007)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.ehr.place import Place
from cobalt_link.ehr.refusals import AskAgain, NotThisAddress, catalogue
from sandbox_ehr.refusals import ERROR_CODES
from tests.connectors.sandbox.told import CODE, password, told
from tests.world import Sandbox

ROOT = Path(__file__).parents[3]
# Not an EHR's but ours, each with the test that produces it.
OURS = {
    "interrupted": ("tests/ehr/test_story.py", "test_a_deed_that_was_begun_is_never_repeated"),
    "started_over": ("tests/ehr/test_story.py", "test_a_story_that_changed_under_its_journal_starts_over"),
    "login_required": ("tests/ehr/test_story.py", "test_silence_ends_in_login_required_where_the_person_is_needed"),
    "other_account": ("tests/accounts/test_sessions.py", "other_account"),
    "not_this_address": ("tests/connectors/sandbox/test_refusals.py", "test_another_program_at_the_address_is_said"),
}
ON_A_PANE = {
    "wrong_credentials": "credentials wrong_credentials",
    "wrong_code": "code wrong_code",
    "code_expired": "code code_expired",
    "push_denied": "waiting push_denied",
    "push_expired": "waiting push_expired",
}
DETAILS = {
    "too_many_codes": {"minutes": 15},
    "locked": {"minutes": 30},
    "ehr_busy": {"seconds": 120},
    "no_rights": {"rights": "schedule.read, patients.read"},
    "unsupported": {"what": "smart_card"},
}
THEIRS = sorted(catalogue().keys() - OURS.keys())


def test_the_sandbox_can_do_all_of_them() -> None:
    assert sorted(ERROR_CODES) == THEIRS
    assert {code for code, kind in catalogue().items() if issubclass(kind, AskAgain)} == ON_A_PANE.keys()


@pytest.mark.parametrize("code", THEIRS)
async def test_a_refusal_on_demand_ends_in_its_pane_or_its_refusal(code: str, sandbox: Sandbox) -> None:
    second = [CODE] if code in ("wrong_code", "code_expired") else []
    seen = await told(sandbox.address, password("user_good", f"error_{code}"), *second)
    if code in ON_A_PANE:
        assert seen.labels[-1] == ON_A_PANE[code] and not seen.ends
    else:
        assert seen.ends == code
        assert seen.refusal and seen.refusal.details.items() >= DETAILS.get(code, {}).items()
    assert await sandbox.logins() == 1


@pytest.mark.parametrize("code", OURS)
def test_the_others_are_proven_elsewhere(code: str) -> None:
    file, name = OURS[code]
    assert name in (ROOT / file).read_text("utf-8")


async def test_a_password_to_be_changed_says_where(sandbox: Sandbox) -> None:
    seen = await told(sandbox.address, password("user_expired"))
    assert seen.refusal and seen.refusal.details == {"url": f"{sandbox.address}/password"}


async def test_an_account_that_only_an_administrator_can_unlock_says_no_time(sandbox: Sandbox) -> None:
    seen = await told(sandbox.address, password("user_locked"))
    assert (seen.ends, seen.refusal and seen.refusal.details) == ("locked", {})


async def test_the_fifth_wrong_password_locks_and_each_before_says_what_is_left(sandbox: Sandbox) -> None:
    seen = await told(sandbox.address, *(password("user_good", "wrong") for _ in range(5)))
    left = [pane.problem.details for pane in seen.panes if pane.problem]
    assert left == [{"tries_left": n} for n in (4, 3, 2, 1)]
    assert (seen.ends, seen.refusal and seen.refusal.details) == ("locked", {"minutes": 30})


async def test_an_unexpected_answer_has_a_reference_and_nothing_else(sandbox: Sandbox) -> None:
    seen = await told(sandbox.address, password("user_good", "error_unexpected"))
    assert seen.refusal and seen.refusal.details.keys() == {"reference"}


async def test_another_program_at_the_address_is_said(sandbox: Sandbox, connector: Connector) -> None:
    await connector.recognize(Place(address=sandbox.address))
    with pytest.raises(NotThisAddress) as no:
        await connector.recognize(Place(address=f"{sandbox.address}/somewhere"))
    assert no.value.details == {"reason": "other_ehr"}
    assert await sandbox.logins() == 0


@pytest.mark.parametrize("locale", ["en", "es"])
def test_rights_and_kinds_have_words_in_each_language(locale: str, connector: Connector) -> None:
    texts = connector.texts(locale)
    for key in ("no_rights.schedule.read", "no_rights.patients.read", "no_rights.clinic", "unsupported.smart_card"):
        assert texts[key]
    assert "{wait}" in texts["refusal.ehr_busy.why_resend"]
