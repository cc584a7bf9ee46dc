"""Replaying sign-ins: every run is by a fresh process that has nothing but the journal."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.panes import (
    Choice,
    ChoiceAnswer,
    Code,
    Consent,
    ConsentAnswer,
    Credentials,
    Option,
    PaneRefusal,
    Waiting,
    WaitingAnswer,
)
from cobalt_link.connector.refusals import EhrDown, LoginRequired, PushDenied, WrongCode, WrongCredentials
from cobalt_link.jobs.claims import LostClaim
from cobalt_link.signin.journal import JournalEntry, MemoryJournal
from cobalt_link.signin.replay import CONFIRM, Asking, Granted, Polling, Refused, SignIn
from tests.signin.runs import GRANT, PASSWORD, Ehr, Shelf, code, credentials, saved

CLINIC = Choice(name="clinic", options=(Option(value="1", label="One"), Option(value="2", label="Two")))


class Session(msgspec.Struct):
    token: str
    second: bool = False


def a_sign_in(ehr: Ehr) -> SignIn:
    """Password until right, then a code until right."""

    async def sign_in(ask: Ask) -> Grant:
        who = await ask(Credentials())
        while True:
            try:
                session = await ask.once("log_in", ehr.step("log_in"), returns=Session)
                break
            except WrongCredentials as no:
                who = await ask(Credentials(username=who.username, problem=PaneRefusal(no.code, no.details)))
        while session.second:
            typed = await ask(Code())
            try:
                await ask.once("check", ehr.step(f"check {typed.code}"))
                session = Session("full")
            except WrongCode as no:
                del no
        return msgspec.structs.replace(GRANT, session={"token": session.token})

    return sign_in


async def test_every_run_by_a_fresh_process_goes_on_where_the_journal_ends() -> None:
    ehr = Ehr(log_in=[WrongCredentials(tries_left=2), {"token": "s", "second": False}])
    shelf = Shelf(a_sign_in(ehr))
    outcome = await shelf.through(credentials("wrong"))
    assert outcome == Asking(
        3, Credentials(username="ann", problem=PaneRefusal("wrong_credentials", {"tries_left": 2}))
    )
    shelf.answer(outcome, credentials())
    granted = await shelf.replay()
    assert isinstance(granted, Granted) and granted.grant.session == {"token": "s"}
    assert ehr.done == ["log_in", "log_in"]


async def test_a_whole_journal_run_again_gives_the_same_grant_and_does_nothing() -> None:
    ehr = Ehr(log_in={"token": "s", "second": False})
    shelf = Shelf(a_sign_in(ehr))
    first = await shelf.through(credentials())
    assert [await shelf.replay() for _ in range(3)] == [first] * 3
    assert ehr.done == ["log_in"]


async def test_what_a_step_returned_comes_back_as_the_same_type() -> None:
    seen: list[object] = []

    async def sign_in(ask: Ask) -> Grant:
        seen.append(await ask.once("typed", Ehr(typed={"token": "s"}).step("typed"), returns=Session))
        seen.append(await ask.once("plain", Ehr(plain=[[1, "a", None]]).step("plain")))
        await ask(Consent())
        return GRANT

    shelf = Shelf(sign_in)
    await shelf.through(ConsentAnswer(agree=True))
    assert seen[:2] == seen[2:4] == [Session("s"), [1, "a", None]]


async def test_a_refusal_is_recorded_with_its_details_and_raised_again() -> None:
    heard: list[tuple[str, dict[str, object]]] = []

    async def sign_in(ask: Ask) -> Grant:
        try:
            await ask.once("log_in", Ehr(log_in=WrongCredentials(tries_left=1)).step("log_in"))
        except WrongCredentials as no:
            heard.append((no.code, dict(no.details)))
        await ask(Consent())
        return GRANT

    await Shelf(sign_in).through(ConsentAnswer(agree=True))
    assert set(map(str, heard)) == {str(("wrong_credentials", {"tries_left": 1}))} and len(heard) > 1


async def test_a_secret_opens_inside_a_step_and_nowhere_else() -> None:
    seen: list[str] = []

    async def sign_in(ask: Ask) -> Grant:
        who = await ask(Credentials())

        async def log_in() -> None:
            seen.append(who.password.reveal())

        await ask.once("log_in", log_in)
        seen.append(who.password.reveal())
        return GRANT

    outcome = await Shelf(sign_in).through(credentials())
    assert seen == [PASSWORD]
    assert isinstance(outcome, Refused) and outcome.refusal.code == "unexpected"


async def test_a_step_that_was_begun_is_never_repeated() -> None:
    ehr = Ehr(log_in=asyncio.CancelledError())  # the process dies inside
    shelf = Shelf(a_sign_in(ehr))
    shelf.answer(await shelf.replay(), credentials())
    with pytest.raises(asyncio.CancelledError):
        await shelf.replay()
    outcomes = [await shelf.replay() for _ in range(3)]
    assert [each.refusal.code for each in outcomes if isinstance(each, Refused)] == ["interrupted"] * 3
    assert ehr.done == ["log_in"]


async def test_a_step_that_does_no_harm_is_repeated() -> None:
    ehr = Ehr(look=[asyncio.CancelledError(), "seen"])

    async def sign_in(ask: Ask) -> Grant:
        assert await ask.once("look", ehr.step("look"), again=True) == "seen"
        return GRANT

    shelf = Shelf(sign_in)
    with pytest.raises(asyncio.CancelledError):
        await shelf.replay()
    assert isinstance(await shelf.replay(), Granted)
    assert ehr.done == ["look", "look"]


async def test_a_step_is_written_down_before_it_is_done() -> None:
    written: list[tuple[str, str]] = []
    shelf = Shelf(a_sign_in(Ehr()))

    class Watched(MemoryJournal):
        async def begin(self, entry: JournalEntry) -> None:
            written.append((entry.name, entry.state))
            raise ConnectionError  # it does not get onto the disk

    ehr = Ehr()
    shelf = Shelf(a_sign_in(ehr))
    shelf.answer(await shelf.replay(), credentials())
    with pytest.raises(ConnectionError):
        await shelf.replay(Watched)
    assert written == [("log_in", "open")] and ehr.done == []


@pytest.mark.parametrize("error", [LostClaim(), ConnectionError()])
async def test_a_connector_can_swallow_neither_a_lost_claim_nor_a_journal_that_fails(error: BaseException) -> None:
    reached: list[str] = []

    class Failing(MemoryJournal):
        async def finish(self, entry: JournalEntry) -> None:
            raise error

    async def sign_in(ask: Ask) -> Grant:
        try:
            await ask.once("log_in", Ehr().step("log_in"))
        except Exception:
            reached.append("went on")
        return GRANT

    with pytest.raises(type(error)):
        await Shelf(sign_in).replay(Failing)
    assert reached == []


async def test_a_connector_that_catches_every_exception_still_suspends() -> None:
    reached: list[str] = []

    async def sign_in(ask: Ask) -> Grant:
        try:
            await ask(Consent())
        except Exception:
            reached.append("caught")
        reached.append("went on")
        return GRANT

    assert await Shelf(sign_in).replay() == Asking(1, Consent())
    assert reached == []


@pytest.mark.parametrize("version", ["renamed", "moved", "another kind"])
async def test_a_sign_in_that_changed_under_its_journal_starts_over(version: str) -> None:
    async def before(ask: Ask) -> Grant:
        await ask(Credentials())
        await ask.once("log_in", Ehr().step("log_in"))
        await ask(Consent())
        return GRANT

    async def after(ask: Ask) -> Grant:
        if version == "moved":
            await ask(Consent())
        await ask(Credentials())
        if version == "another kind":
            await ask.until("log_in", Ehr().step("log_in"), pane=Waiting())
        await ask.once("sign_in", Ehr().step("sign_in"))
        return GRANT

    shelf = Shelf(before)
    await shelf.through(credentials())
    shelf.sign_in = after
    outcome = await shelf.replay()
    assert isinstance(outcome, Refused) and outcome.refusal.code == "started_over"
    assert outcome.refusal.details["entry"] == (1 if version == "moved" else 2)


async def test_forgetting_erases_the_secret_from_the_journal_and_from_what_is_kept() -> None:
    async def sign_in(ask: Ask) -> Grant:
        who = await ask(Credentials())
        await ask.once("log_in", Ehr().step("log_in"))
        await ask.forget(who)
        await ask(Consent())
        assert who.username == "ann"
        return GRANT

    shelf = Shelf(sign_in)
    shelf.answer(await shelf.replay(), credentials())
    assert PASSWORD.encode() in shelf.written
    outcome = await shelf.through(ConsentAnswer(agree=True))
    assert PASSWORD.encode() not in shelf.written and b'"ann"' in shelf.written
    assert isinstance(outcome, Granted) and outcome.answers == {}


async def test_password_and_remembered_choice_are_kept_for_renewal_and_a_code_never() -> None:
    async def sign_in(ask: Ask) -> Grant:
        await ask(Credentials())
        await ask(Code())
        await ask(CLINIC)
        await ask(msgspec.structs.replace(CLINIC, name="site", remember=True))
        return GRANT

    outcome = await Shelf(sign_in).through(credentials(), code(), ChoiceAnswer(value="1"), ChoiceAnswer(value="2"))
    assert isinstance(outcome, Granted)
    assert outcome.answers.keys() == {"credentials", "site"}


async def test_saved_answers_go_first_and_a_refused_one_is_asked_for() -> None:
    ehr = Ehr(log_in=[WrongCredentials(), {"token": "s"}])
    shelf = Shelf(a_sign_in(ehr), saved=saved(credentials("old")))
    outcome = await shelf.replay()
    assert isinstance(outcome, Asking) and outcome.pane.problem == PaneRefusal("wrong_credentials")
    shelf.answer(outcome, credentials("new"))
    granted = await shelf.replay()
    assert isinstance(granted, Granted) and b'"new"' in granted.answers["credentials"]
    assert ehr.done == ["log_in", "log_in"]


async def test_silence_renews_without_a_pane() -> None:
    shelf = Shelf(a_sign_in(Ehr(log_in={"token": "s"})), saved=saved(credentials()), silent=True)
    assert isinstance(await shelf.replay(), Granted)


@pytest.mark.parametrize("says", [WrongCredentials(), {"token": "s", "second": True}])
async def test_silence_ends_in_login_required_where_the_user_is_needed(says: object) -> None:
    outcome = await Shelf(a_sign_in(Ehr(log_in=says)), saved=saved(credentials()), silent=True).replay()
    assert isinstance(outcome, Refused) and isinstance(outcome.refusal, LoginRequired)


async def test_before_a_step_reaches_somebody_who_has_said_nothing_yet_they_are_asked_once() -> None:
    ehr = Ehr()

    async def sign_in(ask: Ask) -> Grant:
        await ask(Credentials())
        await ask.once("look", ehr.step("look"))
        await ask.once("text", ehr.step("text"), reaches_user=True)
        await ask.once("text_again", ehr.step("text_again"), reaches_user=True)
        return GRANT

    confirm = Consent(name=CONFIRM)
    shelf = Shelf(sign_in, saved=saved(credentials()), confirm=confirm)
    outcome = await shelf.replay()
    assert (outcome, ehr.done) == (Asking(3, confirm), ["look"])
    shelf.answer(outcome, ConsentAnswer(agree=True))
    # From now on the user is there, and later runs, which confirm nothing, know that it was asked.
    shelf.options["confirm"] = None
    first = await shelf.replay()
    assert isinstance(first, Granted) and ehr.done == ["look", "text", "text_again"]
    assert await shelf.replay() == first and ehr.done == ["look", "text", "text_again"]


async def test_nobody_is_asked_where_the_ehr_reaches_nobody_or_where_they_have_just_typed() -> None:
    ehr = Ehr(log_in={"token": "s", "second": False})
    quiet = Shelf(a_sign_in(ehr), saved=saved(credentials()), confirm=Consent(name=CONFIRM))
    assert isinstance(await quiet.replay(), Granted)

    async def sign_in(ask: Ask) -> Grant:
        await ask(Credentials())
        await ask.once("text", ehr.step("text"), reaches_user=True)
        return GRANT

    typed = Shelf(sign_in, confirm=Consent(name=CONFIRM))
    outcome = await typed.replay()
    typed.answer(outcome, credentials())
    typed.options["confirm"] = None
    assert isinstance(await typed.replay(), Granted)


async def test_silence_never_does_a_step_that_reaches_the_user() -> None:
    ehr = Ehr()

    async def texting(ask: Ask) -> Grant:
        await ask.once("text", ehr.step("text"), reaches_user=True)
        return GRANT

    async def pushing(ask: Ask) -> Grant:
        await ask.until("push", ehr.step("push"), pane=Waiting())
        return GRANT

    for sign_in in (texting, pushing):
        outcome = await Shelf(sign_in, silent=True).replay()
        assert isinstance(outcome, Refused) and isinstance(outcome.refusal, LoginRequired)
    assert ehr.done == []


def a_push(ehr: Ehr, heard: list[object]) -> SignIn:
    async def sign_in(ask: Ask) -> Grant:
        got = await ask.until("approval", ehr.step("poll"), pane=Waiting(number="47"), every=3.0, returns=Session)
        heard.append(got)
        return GRANT

    return sign_in


async def test_a_wait_rests_between_polls_until_one_has_a_result() -> None:
    ehr, heard = Ehr(poll=[None, None, {"token": "s"}]), []
    shelf = Shelf(a_push(ehr, heard))
    for rest in (await shelf.replay(), await shelf.replay()):
        assert isinstance(rest, Polling)
        assert (rest.n, rest.pane, rest.seconds) == (1, Waiting(number="47"), 3.0)
    assert isinstance(await shelf.replay(), Granted) and isinstance(await shelf.replay(), Granted)
    assert heard == [Session("s")] * 2 and ehr.done == ["poll"] * 3


async def test_a_user_may_answer_instead_of_waiting() -> None:
    ehr, heard = Ehr(), []
    shelf = Shelf(a_push(ehr, heard))
    shelf.answer(await shelf.replay(), WaitingAnswer(action="resend"))
    assert isinstance(await shelf.replay(), Granted)
    assert heard == [WaitingAnswer(action="resend")] and ehr.done == ["poll"]


async def test_a_wait_that_ends_in_a_no_is_recorded() -> None:
    async def sign_in(ask: Ask) -> Grant:
        with pytest.raises(PushDenied):
            await ask.until("approval", ehr.step("poll"), pane=Waiting())
        await ask(Consent())
        return GRANT

    ehr = Ehr(poll=PushDenied())
    await Shelf(sign_in).through(ConsentAnswer(agree=True))
    assert ehr.done == ["poll"]


async def test_a_poll_that_was_cut_off_is_repeated() -> None:
    ehr, heard = Ehr(poll=[asyncio.CancelledError(), {"token": "s"}]), []
    shelf = Shelf(a_push(ehr, heard))
    with pytest.raises(asyncio.CancelledError):
        await shelf.replay()
    assert isinstance(await shelf.replay(), Granted)


async def test_an_error_that_nobody_foresaw_is_reported_without_what_it_carried(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:  # S-049
    shelf = Shelf(a_sign_in(Ehr(log_in=RuntimeError(f"bad password {PASSWORD}"))))
    outcome = await shelf.through(credentials())
    assert isinstance(outcome, Refused) and outcome.refusal.code == "unexpected" and outcome.username == "ann"
    printed = capsys.readouterr()
    assert PASSWORD not in caplog.text + printed.out + printed.err + str(outcome)
    assert PASSWORD.encode() not in b"".join(entry.value or b"" for entry in shelf.entries if entry.kind == "step")


async def test_a_result_that_is_no_json_does_not_lose_the_step() -> None:
    ehr = Ehr(log_in=object())
    shelf = Shelf(a_sign_in(ehr))
    outcome = await shelf.through(credentials())
    assert isinstance(outcome, Refused) and outcome.refusal.code == "unexpected"
    assert ehr.done == ["log_in"]


async def test_a_refusal_that_ends_the_sign_in_names_the_user_who_typed() -> None:
    outcome = await Shelf(a_sign_in(Ehr(log_in=EhrDown(seconds=20)))).through(credentials())
    assert isinstance(outcome, Refused)
    assert (outcome.refusal.code, outcome.refusal.details, outcome.username) == ("ehr_down", {"seconds": 20}, "ann")
