"""Every refusal of the catalogue can be produced on demand at the sandbox EHR, and ends where it should (S-007)."""

from __future__ import annotations

from pathlib import Path

import pytest
from markupsafe import Markup

from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import PaneRefusal
from cobalt_link.connector.refusals import AskAgain, NotThisAddress, catalogue
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.link.pages import refusal
from cobalt_link.link.pages.texts import Texts, bare
from sandbox_ehr.refusals import ERROR_CODES
from tests.connectors.sandbox.runs import CODE, password, run
from tests.support.world import Sandbox

ROOT = Path(__file__).parents[3]
# Not an EHR's but ours, each with the test that produces it.
OURS = {
    "interrupted": ("tests/signin/test_replay.py", "test_a_step_that_was_begun_is_never_repeated"),
    "started_over": ("tests/signin/test_replay.py", "test_a_sign_in_that_changed_under_its_journal_starts_over"),
    "login_required": ("tests/signin/test_replay.py", "test_silence_ends_in_login_required_where_the_user_is_needed"),
    "other_account": ("tests/accounts/test_sessions.py", "other_account"),
    "too_many_tries": ("tests/link/flow/test_brake.py", "test_twelve_guesses_at_once_are_two"),
    "none_of_these": (
        "tests/connectors/sandbox/test_sign_in.py",
        "test_none_of_these_is_refused_by_the_name_of_the_list",
    ),
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
    seen = await run(sandbox.address, password("user_good", f"error_{code}"), *second)
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
    seen = await run(sandbox.address, password("user_expired"))
    assert seen.refusal and seen.refusal.details == {"url": f"{sandbox.address}/password"}


async def test_an_account_that_only_an_administrator_can_unlock_says_no_time(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_locked"))
    assert (seen.ends, seen.refusal and seen.refusal.details) == ("locked", {})


async def test_the_fifth_wrong_password_locks_and_each_before_says_what_is_left(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, *(password("user_good", "wrong") for _ in range(5)))
    left = [pane.problem.details for pane in seen.panes if pane.problem]
    reset = f"{sandbox.address}/forgotten"
    assert left == [{"tries_left": n, "url": reset} for n in (4, 3, 2, 1)]
    assert (seen.ends, seen.refusal and seen.refusal.details) == ("locked", {"minutes": 30})


async def test_an_unexpected_answer_has_a_reference_and_nothing_else(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_good", "error_unexpected"))
    assert seen.refusal and seen.refusal.details.keys() == {"reference"}


async def test_another_program_at_the_address_is_said(sandbox: Sandbox, connector: Connector) -> None:
    await connector.recognize(EhrInstance(address=sandbox.address))
    with pytest.raises(NotThisAddress) as no:
        await connector.recognize(EhrInstance(address=f"{sandbox.address}/somewhere"))
    assert no.value.details == {"reason": "other_ehr"}
    assert await sandbox.logins() == 0


SAID = [
    ("en", "no_rights", {"rights": "schedule.read, patients.read"}, "“Read the schedule”, “Read patients”"),
    ("es", "no_rights", {"rights": "clinic"}, "Acceso a su clínica"),
    ("en", "unsupported", {"what": "smart_card"}, "Signing in with a smart card isn’t supported here."),
    ("en", "ehr_busy", {"reason": "resend", "seconds": 20}, "You can ask for another one in 20 seconds."),
    ("es", "ehr_busy", {"reason": "resend", "seconds": 20}, "Puede pedir otro dentro de 20 segundos."),
    ("en", "ehr_busy", {"seconds": 120}, "Too many people are signing in. Try again in 2 minutes."),
]


@pytest.mark.parametrize(("locale", "code", "details", "said"), SAID)
def test_a_user_reads_it_in_words(
    locale: str, code: str, details: dict[str, str | int], said: str, connector: Connector
) -> None:
    words = Texts(locale, connector_texts=connector.texts(locale), names={"ehr": "Sandbox EHR"})
    if code == "no_rights":
        assert bare(refusal.filling(words, details)["rights"]) == said
    else:
        assert said in bare(refusal.why(words, PaneRefusal(code, details)) or Markup())
