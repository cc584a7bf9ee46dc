"""Signing in to the sandbox EHR: what each login asks for, what the EHR sends the user, and what a renewal may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cobalt_link.conformance import check_connectors
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.panes import Choice, Code, Waiting
from cobalt_link.connector.refusals import LoginRequired, SessionEnded
from cobalt_link.connectors.sandbox import Sandbox as Connector
from cobalt_link.link.pages.texts import by_locale
from cobalt_link.signin.replay import Granted, Refused
from tests.connectors.sandbox.conftest import Open
from tests.connectors.sandbox.runs import CODE, password, renewed, run
from tests.support.world import Sandbox

APPROVE = {"send": "POST /api/_lab/users/user_push/push", "json": {"answer": "approve"}}
DENY = {"send": "POST /api/_lab/users/user_push/push", "json": {"answer": "deny"}}
IGNORE = {"push_plan": "ignore"}


async def test_the_check_finds_nothing() -> None:
    (report,) = await check_connectors(["sandbox"], by_locale())
    assert report.findings == () and report.skipped == ()
    assert len(report.ran) > 20


async def test_a_sign_in_in_pieces_logs_in_once(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_good"))
    grant = seen.grant
    assert grant and (grant.user.username, grant.user.name) == ("user_good", "Dana Goodwin")
    assert (grant.tenant, grant.keep_alive) == ("1", 900)
    assert grant.known == {"second_factor": False, "clinic": "Riverside Family Medicine"}
    counts = await sandbox.counts()
    assert (counts["login_attempts"], counts["logins"]) == (1, 1)


async def test_a_texted_code_is_asked_for_with_where_it_went_and_how_long_it_works(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_code"), CODE)
    pane = seen.panes[1]
    assert isinstance(pane, Code)
    assert (pane.way, pane.sent_to, pane.length, pane.resend) == ("text", "34", 6, True)
    assert pane.expires_at and timedelta(minutes=4) < pane.expires_at - datetime.now(UTC) <= timedelta(minutes=5)
    assert pane.resend_at and timedelta(seconds=9) < pane.resend_at - datetime.now(UTC) <= timedelta(seconds=30)
    assert seen.ends == "granted" and seen.grant and seen.grant.known["second_factor"] is True
    assert (await sandbox.counts())["texts_sent"] == 1


async def test_a_new_code_is_one_more_text(sandbox: Sandbox) -> None:
    later = {"send": "PUT /api/_lab/clock", "json": {"advance": 31}}
    seen = await run(sandbox.address, password("user_code"), later, {"resend": True}, CODE)
    assert [isinstance(pane, Code) and pane.resent for pane in seen.panes] == [False, False, True]
    assert (seen.ends, (await sandbox.counts())["texts_sent"]) == ("granted", 2)


async def test_a_new_code_too_soon_is_a_wait_on_the_same_pane_and_the_old_code_works(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_code"), {"resend": True}, CODE)
    first, second = seen.panes[1:]
    assert isinstance(first, Code) and isinstance(second, Code) and second.problem
    assert second.problem.code == "ehr_busy" and second.problem.details["reason"] == "resend"
    assert 0 < int(second.problem.details["seconds"]) <= 30
    assert second.expires_at == first.expires_at
    assert (seen.ends, (await sandbox.counts())["texts_sent"]) == ("granted", 1)


async def test_an_ehr_that_is_busy_while_a_code_is_asked_for_anew_ends_the_sign_in(sandbox: Sandbox) -> None:
    busy = {"send": "PUT /api/_lab/faults", "json": {"busy": True}}
    seen = await run(sandbox.address, password("user_code"), busy, {"resend": True})
    assert (seen.ends, seen.refusal and seen.refusal.details) == ("ehr_busy", {"seconds": 120})


async def test_codes_from_an_app_are_never_sent_again(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_choice"), {"value": "app"}, CODE)
    choice, code = seen.panes[1:]
    assert isinstance(choice, Choice) and [(row.value, row.detail) for row in choice.options] == [
        ("text", "34"), ("email", "m•••••@riverside.example"), ("app", None),
    ]  # fmt: skip
    assert isinstance(code, Code) and (code.way, code.resend, code.sent_to, code.expires_at) == (
        "app",
        False,
        None,
        None,
    )
    assert seen.ends == "granted"


async def test_an_e_mailed_code_goes_to_the_e_mail(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_choice"), {"value": "email"}, CODE)
    counts = await sandbox.counts()
    assert (seen.ends, counts["emails_sent"], counts["texts_sent"]) == ("granted", 1, 0)


async def test_a_push_shows_the_number_to_match_and_is_sent_once(sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", IGNORE)
    seen = await run(sandbox.address, password("user_push"), APPROVE)
    pane = seen.panes[1]
    assert isinstance(pane, Waiting) and pane.number and pane.number.isdigit() and pane.expires_at and pane.resend
    assert (seen.ends, (await sandbox.counts())["pushes_sent"]) == ("granted", 1)


async def test_a_denied_push_is_sent_again_only_when_the_user_asks(sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_push", IGNORE)
    seen = await run(sandbox.address, password("user_push"), DENY)
    assert seen.labels[-1] == "waiting push_denied" and (await sandbox.counts())["pushes_sent"] == 1
    await sandbox.lab("users/user_push", IGNORE)
    seen = await run(sandbox.address, password("user_push"), DENY, {"action": "resend"}, APPROVE)
    denied, again = seen.panes[2:]
    assert isinstance(denied, Waiting) and denied.number is None and denied.expires_at is None
    assert isinstance(again, Waiting) and again.number and again.problem is None
    assert (seen.ends, (await sandbox.counts())["pushes_sent"]) == ("granted", 1 + 2)


@pytest.mark.parametrize(("clinic", "name"), [("1", "Riverside Family Medicine"), ("3", "Harbor Heart & Vascular")])
async def test_the_clinic_that_is_chosen_is_the_tenant_and_is_remembered(
    clinic: str, name: str, sandbox: Sandbox, connector: Connector
) -> None:
    seen = await run(sandbox.address, password("user_clinics"), {"value": clinic})
    assert seen.grant and (seen.grant.tenant, seen.grant.known["clinic"]) == (clinic, name)
    later = await renewed(seen, connector, sandbox.address)
    assert isinstance(later, Granted) and later.grant.tenant == clinic


@pytest.mark.parametrize(("username", "choice"), [("user_clinics", "clinic"), ("user_choice", "code_way")])
async def test_none_of_these_is_refused_by_the_name_of_the_list(username: str, choice: str, sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password(username), {"none": True})
    assert (seen.ends, seen.refusal and seen.refusal.details) == ("none_of_these", {"choice": choice})
    assert (await sandbox.counts())["logins"] == 0


async def test_another_way_leads_from_a_code_and_from_an_approval_to_all_ways(sandbox: Sandbox) -> None:
    seen = await run(
        sandbox.address, password("user_choice"), {"value": "text"}, {"action": "other"}, {"value": "email"}, CODE
    )
    assert seen.labels == ["credentials", "choice", "code", "choice", "code"] and seen.ends == "granted"
    counts = await sandbox.counts()
    assert (counts["texts_sent"], counts["emails_sent"], counts["logins"]) == (1, 1, 1)
    await sandbox.lab("users/user_push", IGNORE)
    other = {"action": "other"}
    steps = [other, {"value": "text"}, other, {"value": "push"}, DENY, other, {"value": "app"}, CODE]
    seen = await run(sandbox.address, password("user_push"), *steps)
    assert seen.labels[1:] == [
        "waiting",
        "choice",
        "code",
        "choice",
        "waiting",
        "waiting push_denied",
        "choice",
        "code",
    ]
    assert seen.ends == "granted" and seen.grant and seen.grant.known["second_factor"] is True
    assert isinstance(rows := seen.panes[2], Choice)
    assert [row.value for row in rows.options] == ["push", "text", "email", "app"]


async def test_an_ehr_that_offers_no_other_way_gets_no_button_for_one(sandbox: Sandbox) -> None:
    seen = await run(sandbox.address, password("user_code"), CODE)
    assert isinstance(pane := seen.panes[1], Code) and not pane.other_way


async def test_only_the_right_that_is_missing_is_named(sandbox: Sandbox) -> None:
    await sandbox.lab("users/user_good", {"rights": ["schedule.read"]})
    seen = await run(sandbox.address, password("user_good"))
    assert (seen.ends, seen.refusal and seen.refusal.details) == ("no_rights", {"rights": "patients.read"})


async def test_a_password_session_is_renewed_without_the_user(sandbox: Sandbox, connector: Connector) -> None:
    seen = await run(sandbox.address, password("user_good"))
    later = await renewed(seen, connector, sandbox.address)
    assert isinstance(later, Granted) and seen.grant
    assert later.grant.user == seen.grant.user and later.grant.session != seen.grant.session


@pytest.mark.parametrize(
    ("username", "steps"),
    [("user_code", [CODE]), ("user_choice", [{"value": "text"}, CODE]), ("user_push", [APPROVE])],
)
async def test_a_renewal_never_makes_the_ehr_text_mail_or_call(
    username: str, steps: list[dict[str, str]], sandbox: Sandbox, connector: Connector
) -> None:
    await sandbox.lab("users/user_push", IGNORE)
    seen = await run(sandbox.address, password(username), *steps)
    before = await sandbox.counts()
    later = await renewed(seen, connector, sandbox.address)
    assert isinstance(later, Refused) and isinstance(later.refusal, LoginRequired)
    assert await sandbox.counts() == before


async def test_a_changed_password_needs_the_user(sandbox: Sandbox, connector: Connector) -> None:
    seen = await run(sandbox.address, password("user_good"))
    await sandbox.lab("users/user_good", {"password": "another-one"})
    later = await renewed(seen, connector, sandbox.address)
    assert isinstance(later, Refused) and later.refusal.details == {"reason": "wrong_credentials"}


async def test_a_session_ends_by_itself_by_the_ehr_and_by_signing_out(
    sandbox: Sandbox, connector: Connector, opened: Open
) -> None:
    async def has_ended(chart: Chart) -> None:
        with pytest.raises(SessionEnded):
            await connector.providers(chart)

    chart = await opened()
    assert await connector.providers(chart)
    await sandbox.wait(901)
    await has_ended(chart)
    chart = await opened()
    assert (await sandbox.http.delete("/api/_lab/sessions")).status_code == 200
    await has_ended(chart)
    chart = await opened()
    await connector.sign_out(chart)
    assert (await sandbox.counts())["logouts"] == 1
    await has_ended(chart)
