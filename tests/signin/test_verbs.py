"""`ask.password`, `ask.code`, and `ask.one_of`: every run is by a fresh process that has nothing but the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cobalt_link.connector import (
    Ask,
    ChoiceAnswer,
    Code,
    CodeAnswer,
    CodeExpired,
    Credentials,
    EhrBusy,
    EhrDown,
    Grant,
    Locked,
    NoRights,
    Option,
    PaneRefusal,
    Secret,
    WrongCode,
    WrongCredentials,
)
from cobalt_link.connector.panes import Choice, Consent, ConsentAnswer
from cobalt_link.connector.refusals import LoginRequired, TooManyCodes, catalogue
from cobalt_link.signin.replay import CONFIRM, Asking, Granted, Refused, SignIn, encoded
from tests.signin.runs import GRANT, PASSWORD, Shelf, code, credentials

RESEND = CodeAnswer(resend=True)


class Login(msgspec.Struct, frozen=True):
    token: str = ""
    challenge: str = ""


class Desk:
    """An EHR of steps: `says` are what each call gives or raises, in order; `done` is what was called with what."""

    def __init__(self, **says: list[Any]) -> None:
        self.says = says
        self.done: list[tuple[Any, ...]] = []

    def step(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any) -> Any:
            self.done.append((name, *(each.reveal() if isinstance(each, Secret) else each for each in args)))
            said = self.says[name].pop(0)
            if isinstance(said, Exception):
                raise said
            return said

        return call


def granted(**session: Any) -> Grant:
    return msgspec.structs.replace(GRANT, session=session)


def by_password(desk: Desk, **options: Any) -> SignIn:
    async def sign_in(ask: Ask) -> Grant:
        login = await ask.password(desk.step("log_in"), "north", returns=Login, **options)
        return granted(token=login.token)

    return sign_in


def by_code(desk: Desk, **options: Any) -> SignIn:
    async def sign_in(ask: Ask) -> Grant:
        login = await ask.code(desk.step("check"), "north", "c1", returns=Login, **options)
        return granted(token=login.token)

    return sign_in


# ── password ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_password_is_asked_again_with_the_username_until_it_is_right() -> None:
    desk = Desk(log_in=[WrongCredentials(tries_left=2), WrongCredentials(), Login("t")])
    shelf = Shelf(by_password(desk))
    again = await shelf.through(credentials("one"))
    assert again == Asking(3, Credentials(username="ann", problem=PaneRefusal("wrong_credentials", {"tries_left": 2})))
    shelf.answer(again, credentials("two", username="bea"))
    again = await shelf.replay()
    assert again == Asking(5, Credentials(username="bea", problem=PaneRefusal("wrong_credentials")))
    shelf.answer(again, credentials(username="bea"))
    end = await shelf.replay()
    assert isinstance(end, Granted) and end.grant.session == {"token": "t"}
    assert desk.done == [
        ("log_in", "north", "ann", "one"), ("log_in", "north", "bea", "two"), ("log_in", "north", "bea", PASSWORD),
    ]  # fmt: skip
    assert [(each.kind, each.name) for each in shelf.entries[:2]] == [("ask", "credentials"), ("step", "log_in")]


@pytest.mark.parametrize("no", [Locked(seconds=600), EhrDown(), NoRights("schedule")])
async def test_any_other_refusal_of_a_password_ends_the_sign_in(no: Exception) -> None:
    end = await Shelf(by_password(Desk(log_in=[no]))).through(credentials())
    assert isinstance(end, Refused) and (end.refusal.code, end.username) == (no.args[0], "ann")


async def test_a_password_that_makes_the_ehr_text_the_user_is_never_sent_in_the_background() -> None:
    desk = Desk(log_in=[Login("t")])
    saved = {"credentials": encoded(credentials())}
    end = await Shelf(by_password(desk, reaches_user=True), saved=saved, silent=True).replay()
    assert isinstance(end, Refused) and end.refusal.details == {"reason": "log_in"} and desk.done == []
    asked = await Shelf(by_password(desk, reaches_user=True), saved=saved, confirm=Consent(name=CONFIRM)).replay()
    assert isinstance(asked, Asking) and asked.pane.name == CONFIRM and desk.done == []


async def test_a_saved_password_that_is_wrong_by_now_is_sent_once_and_then_asked_for() -> None:
    desk = Desk(log_in=[WrongCredentials()])
    shelf = Shelf(by_password(desk), saved={"credentials": encoded(credentials("old"))})
    again = await shelf.replay()
    assert again == Asking(3, Credentials(username="ann", problem=PaneRefusal("wrong_credentials")))
    assert await shelf.replay() == again and len(desk.done) == 1


async def test_an_ehr_that_takes_password_and_code_in_one_call_gets_the_password_again() -> None:
    desk = Desk(log_in=[Login(challenge="c"), Login(challenge="c")], check=[WrongCredentials(), Login("t")])

    async def sign_in(ask: Ask) -> Grant:
        refused = None
        while True:
            await ask.password(desk.step("log_in"), returns=Login, refused=refused)
            assert ask.credentials
            try:
                login = await ask.code(desk.step("check"), ask.credentials.password, returns=Login)
            except WrongCredentials as no:
                refused = no
            else:
                return granted(token=login.token)

    shelf = Shelf(sign_in)
    again = await shelf.through(credentials("one"), code("1"))
    assert again == Asking(5, Credentials(username="ann", problem=PaneRefusal("wrong_credentials")))
    shelf.answer(again, credentials("two"))
    shelf.answer(await shelf.replay(), code("2"))
    assert isinstance(await shelf.replay(), Granted)
    assert desk.done[1::2] == [("check", "one", "1"), ("check", "two", "2")]


# ── code ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_is_asked_until_it_is_right_and_in_time() -> None:
    desk = Desk(check=[WrongCode(tries_left=4), CodeExpired(), Login("t")])
    pane = Code(way="text", sent_to="34", length=6)
    shelf = Shelf(by_code(desk, pane=pane))
    shown = []
    outcome = await shelf.replay()
    for text in ("1", "2", "3"):
        assert isinstance(outcome, Asking) and await shelf.replay() == outcome
        shown.append(outcome.pane)
        shelf.answer(outcome, code(text))
        outcome = await shelf.replay()
    assert isinstance(outcome, Granted)
    wrong, late = PaneRefusal("wrong_code", {"tries_left": 4}), PaneRefusal("code_expired")
    assert shown == [pane, *(msgspec.structs.replace(pane, problem=each) for each in (wrong, late))]
    assert desk.done == [("check", "north", "c1", text) for text in ("1", "2", "3")]


async def test_a_new_code_takes_the_place_of_the_last_argument_and_describes_itself() -> None:
    desk = Desk(send=["c2"], check=[WrongCode(), Login("t")])
    shelf = Shelf(by_code(desk, pane=lambda _, sent: Code(sent_to=sent), resend=desk.step("send")))
    first = await shelf.replay()
    assert first == Asking(1, Code(sent_to="c1", resend=True))
    second = await shelf.through(RESEND)
    assert second == Asking(3, Code(sent_to="c2", resend=True, resent=True))
    shelf.answer(second, code("1"))
    third = await shelf.replay()
    assert third == Asking(5, Code(sent_to="c2", resend=True, problem=PaneRefusal("wrong_code")))
    shelf.answer(third, code("2"))
    assert isinstance(await shelf.replay(), Granted)
    assert desk.done == [("send", "north", "c1"), ("check", "north", "c2", "1"), ("check", "north", "c2", "2")]


async def test_a_new_code_without_news_leaves_the_arguments_as_they_are() -> None:
    desk = Desk(send=[None], check=[Login("t")])
    end = await Shelf(by_code(desk, resend=desk.step("send"))).through(RESEND, code("1"))
    assert isinstance(end, Granted) and desk.done == [("send", "north", "c1"), ("check", "north", "c1", "1")]


async def test_a_new_code_too_soon_is_a_wait_on_the_pane_and_the_code_that_was_sent_still_works() -> None:
    desk = Desk(send=[EhrBusy(reason="resend", seconds=20)], check=[Login("t")])
    shelf = Shelf(by_code(desk, resend=desk.step("send")))
    waiting = await shelf.through(RESEND)
    problem = PaneRefusal("ehr_busy", {"reason": "resend", "seconds": 20})
    assert waiting == Asking(3, Code(resend=True, problem=problem))
    shelf.answer(waiting, code("1"))
    assert isinstance(await shelf.replay(), Granted)


@pytest.mark.parametrize("no", [EhrBusy(seconds=9), TooManyCodes(seconds=900)])
async def test_any_other_refusal_of_a_new_code_ends_the_sign_in(no: Exception) -> None:
    desk = Desk(send=[no])
    end = await Shelf(by_code(desk, resend=desk.step("send"))).through(RESEND)
    assert isinstance(end, Refused) and end.refusal.code == no.args[0]


# ── one of ───────────────────────────────────────────────────────────────────────────────────────────────────────────

NORTH, SOUTH = {"n": "North"}, {"s": "South"}
FACILITY = Choice(
    name="facility", none_of_these=False, remember=True,
    options=(Option(value="n", label="North"), Option(value="s", label="South")),
)  # fmt: skip


def choosing(rows: Any, **options: Any) -> SignIn:
    async def sign_in(ask: Ask) -> Grant:
        chosen = await ask.one_of("facility", rows, **options)
        await ask(Consent(name="later"))  # the answer has to hold in the runs that follow
        return granted(facility=chosen)

    return sign_in


async def test_one_row_is_not_asked_for_and_several_are() -> None:
    end = await Shelf(choosing(NORTH)).through(ConsentAnswer(agree=True))
    assert isinstance(end, Granted) and end.grant.session == {"facility": "n"}
    shelf = Shelf(choosing(NORTH | SOUTH))
    assert await shelf.replay() == Asking(1, FACILITY)
    end = await shelf.through(ChoiceAnswer(value="s"), ConsentAnswer(agree=True))
    assert isinstance(end, Granted) and end.grant.session == {"facility": "s"}


@pytest.mark.parametrize("first", [NORTH, NORTH | SOUTH])
async def test_what_was_chosen_is_remembered_also_when_there_was_no_choice(first: dict[str, str]) -> None:
    answers = [ChoiceAnswer(value="n")] * (len(first) > 1)
    end = await Shelf(choosing(first)).through(*answers, ConsentAnswer(agree=True))
    assert isinstance(end, Granted)
    later = Shelf(choosing(NORTH | SOUTH), saved=end.answers)
    end = await later.through(ConsentAnswer(agree=True))
    assert isinstance(end, Granted) and end.grant.session == {"facility": "n"}


@pytest.mark.parametrize("rows", [SOUTH, SOUTH | {"w": "West"}])
async def test_a_remembered_row_that_is_gone_is_asked_anew_and_nobody_is_moved_elsewhere(rows: dict[str, str]) -> None:
    saved = {"facility": encoded(ChoiceAnswer(value="n"))}
    silent = await Shelf(choosing(rows), saved=saved, silent=True).replay()
    assert isinstance(silent, Refused) and isinstance(silent.refusal, LoginRequired)
    shelf = Shelf(choosing(rows), saved=saved)
    asked = await shelf.through()
    assert isinstance(asked, Asking) and asked.n == 2 and asked.pane.name == "facility"
    end = await shelf.through(ChoiceAnswer(value="s"), ConsentAnswer(agree=True))
    assert isinstance(end, Granted) and end.grant.session == {"facility": "s"}


async def test_a_run_takes_the_way_of_its_journal_when_nothing_is_saved_any_more() -> None:
    shelf = Shelf(choosing(NORTH), saved={"facility": encoded(ChoiceAnswer(value="n"))})
    await shelf.replay()
    shelf.options = {}
    end = await shelf.through(ConsentAnswer(agree=True))
    assert isinstance(end, Granted) and end.grant.session == {"facility": "n"}


async def test_a_row_that_nobody_offered_is_asked_again() -> None:
    shelf = Shelf(choosing(NORTH | SOUTH))
    assert await shelf.through(ChoiceAnswer(value="x")) == Asking(2, FACILITY)
    assert await Shelf(choosing(NORTH | SOUTH)).through(ChoiceAnswer(value=None)) == Asking(2, FACILITY)


async def test_none_of_these_is_an_answer_where_it_is_offered() -> None:
    shelf = Shelf(choosing(NORTH | SOUTH, none_of_these=True, remember=False))
    pane = msgspec.structs.replace(FACILITY, none_of_these=True, remember=False)
    assert await shelf.replay() == Asking(1, pane)
    end = await shelf.through(ChoiceAnswer(value=None), ConsentAnswer(agree=True))
    assert isinstance(end, Granted) and end.grant.session == {"facility": None} and end.answers == {}


async def test_no_rows_at_all_are_a_right_that_is_missing() -> None:
    end = await Shelf(choosing({})).replay()
    assert isinstance(end, Refused) and end.refusal.details == {"rights": "facility"}


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("no", "details"),
    [
        (Locked(seconds=61), {"minutes": 2}),
        (Locked(seconds=1), {"minutes": 1}),
        (Locked(minutes=15), {"minutes": 15}),
        (Locked(seconds=None), {}),
        (TooManyCodes(seconds=900), {"minutes": 15}),
        (NoRights("patients", "schedule"), {"rights": "patients, schedule"}),
        (NoRights(rights="patients"), {"rights": "patients"}),
        (NoRights(), {}),
    ],
)
async def test_a_refusal_holds_its_details_and_comes_back_from_the_journal(no: Any, details: dict[str, Any]) -> None:
    assert no.details == details and catalogue()[no.code](**no.details).details == details
    end = await Shelf(by_password(Desk(log_in=[no]))).through(credentials())
    assert isinstance(end, Refused) and (end.refusal.code, end.refusal.details) == (no.code, details)
