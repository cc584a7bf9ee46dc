"""When the engine asks the brake: before each step that may send what was typed, however the step gets at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.panes import Code, CodeAnswer, Credentials, CredentialsAnswer, Waiting
from cobalt_link.connector.refusals import Locked, Refusal, TooManyTries, WrongCode, WrongCredentials
from cobalt_link.connector.secrets import Secret
from cobalt_link.signin.brake import Typed, secret_of
from cobalt_link.signin.replay import Asking, Granted, Polling, Refused
from tests.signin.runs import GRANT, Shelf

ANN = CredentialsAnswer(username="ann", password=Secret("right"))
CODE = CodeAnswer(code=Secret("123456"))


class NotedBrake:
    """Notes what it is asked and told. `refusal` is what it answers."""

    def __init__(self, refusal: Refusal | None = None, instead: Refusal | None = None) -> None:
        self.refusal, self.instead = refusal, instead
        self.seen: list[tuple[Any, ...]] = []

    async def take(self, typed: Typed, username: str) -> Refusal | None:
        self.seen.append(("take", type(typed).__name__[:4], username))
        return self.refusal

    async def settle(self, typed: Typed, sent: bool, refusal: Refusal | None) -> Refusal | None:
        assert secret_of(typed)
        self.seen.append(("settle", type(typed).__name__[:4], sent, refusal.code if refusal else None))
        return self.instead if refusal and self.instead else refusal


async def send(who: CredentialsAnswer, error: Exception | None = None) -> str:
    who.password.reveal()
    if error:
        raise error
    return "in"


async def nothing(*_: object) -> str:
    return "page"


def by_argument(ask: Ask, who: CredentialsAnswer, error: Exception | None) -> Awaitable[str]:
    return ask.once("log_in", send, who, error)


def by_secret(ask: Ask, who: CredentialsAnswer, error: Exception | None) -> Awaitable[str]:
    async def step(password: Secret) -> str:
        return await send(CredentialsAnswer(username="ann", password=password), error)

    return ask.once("log_in", step, who.password)


def by_nested(ask: Ask, who: CredentialsAnswer, error: Exception | None) -> Awaitable[str]:
    async def step(given: dict[str, Any]) -> str:
        return await send(given["who"][0], error)

    return ask.once("log_in", step, {"who": [who]})


def by_closure(ask: Ask, who: CredentialsAnswer, error: Exception | None) -> Awaitable[str]:
    return ask.once("log_in", partial(send, who, error))


def by_poll(ask: Ask, who: CredentialsAnswer, error: Exception | None) -> Awaitable[Any]:
    return ask.until("log_in", partial(send, who, error), pane=Waiting(name="log_in"))


def by_repeatable(ask: Ask, who: CredentialsAnswer, error: Exception | None) -> Awaitable[str]:
    return ask.once("_log_in", partial(send, who, error), again=True)


WAYS = [by_argument, by_secret, by_nested, by_closure, by_poll, by_repeatable]
Way = Callable[[Ask, CredentialsAnswer, Exception | None], Awaitable[Any]]


def signing_in(way: Way, error: Exception | None = None) -> Callable[[Ask], Awaitable[Grant]]:
    async def sign_in(ask: Ask) -> Grant:
        await way(ask, await ask(Credentials()), error)
        return GRANT

    return sign_in


@pytest.mark.parametrize("way", WAYS)
async def test_no_step_gets_at_a_password_past_the_brake(way: Way) -> None:  # S-141
    held = NotedBrake(TooManyTries(seconds=60))
    outcome = await Shelf(signing_in(way, AssertionError("sent")), brake=held).through(ANN)
    assert isinstance(outcome, Refused) and outcome.refusal.code == "too_many_tries"
    assert held.seen == [("take", "Cred", "ann")], "recorded: the next run does not ask again"

    open_brake = NotedBrake()
    assert isinstance(await Shelf(signing_in(way), brake=open_brake).through(ANN), Granted)
    assert open_brake.seen == [("take", "Cred", "ann"), ("settle", "Cred", True, None)]


@pytest.mark.parametrize("way", WAYS)
async def test_the_brake_hears_how_the_ehr_answered_and_may_say_more(way: Way) -> None:
    brake = NotedBrake(instead=TooManyTries(seconds=60))
    outcome = await Shelf(signing_in(way, Locked()), brake=brake).through(ANN)
    assert brake.seen[-1] == ("settle", "Cred", True, "locked")
    assert isinstance(outcome, Refused) and outcome.refusal.code == "too_many_tries"


async def test_a_step_that_sends_nothing_gives_the_try_back() -> None:
    async def sign_in(ask: Ask) -> Grant:
        who = await ask(Credentials())
        await ask.once("find_page", nothing)
        await ask.once("log_in", send, who)
        await ask.once("open_chart", nothing)
        return GRANT

    brake = NotedBrake()
    assert isinstance(await Shelf(sign_in, brake=brake).through(ANN), Granted)
    assert [each for each in brake.seen if each[0] == "settle"] == [
        ("settle", "Cred", False, None), ("settle", "Cred", True, None),
    ]  # fmt: skip


async def test_a_braked_password_is_asked_again_like_a_wrong_one() -> None:
    async def sign_in(ask: Ask) -> Grant:
        await ask.password(lambda name, password: nothing())
        return GRANT

    brake = NotedBrake(WrongCredentials(reason="last_try"))
    outcome = await Shelf(sign_in, brake=brake).through(ANN)
    assert isinstance(outcome, Asking) and isinstance(outcome.pane, Credentials) and outcome.pane.problem
    assert (outcome.pane.username, outcome.pane.problem.details) == ("ann", {"reason": "last_try"})


async def test_password_and_code_in_one_step_are_both_taken_and_told_apart() -> None:
    async def check(who: CredentialsAnswer, code: Secret) -> str:
        who.password.reveal(), code.reveal()
        raise WrongCode

    async def sign_in(ask: Ask) -> Grant:
        who = await ask(Credentials())
        await ask.once("log_in", send, who)
        await ask.code(check, who)
        return GRANT

    brake = NotedBrake()
    outcome = await Shelf(sign_in, brake=brake).through(ANN, CODE)
    assert isinstance(outcome, Asking) and isinstance(outcome.pane, Code)
    assert brake.seen[2:] == [
        ("take", "Cred", "ann"), ("take", "Code", "ann"),
        ("settle", "Cred", True, "wrong_code"), ("settle", "Code", True, "wrong_code"),
    ]  # fmt: skip


async def test_what_was_taken_is_given_back_if_the_code_beside_it_is_braked() -> None:
    class NoCodes(NotedBrake):
        async def take(self, typed: Typed, username: str) -> Refusal | None:
            await super().take(typed, username)
            return TooManyTries(seconds=60) if isinstance(typed, CodeAnswer) else None

    async def sign_in(ask: Ask) -> Grant:
        who = await ask(Credentials())
        code = await ask(Code())
        await ask.once("log_in", nothing, who, code)
        return GRANT

    brake = NoCodes()
    assert isinstance(await Shelf(sign_in, brake=brake).through(ANN, CODE), Refused)
    assert brake.seen == [("take", "Cred", "ann"), ("take", "Code", "ann"), ("settle", "Cred", False, None)]


async def test_a_poll_that_waits_is_no_refusal() -> None:
    async def poll() -> str | None:
        return None

    async def sign_in(ask: Ask) -> Grant:
        await ask.once("log_in", send, await ask(Credentials()))
        await ask.until("approval", poll, pane=Waiting())
        return GRANT

    brake = NotedBrake()
    shelf = Shelf(sign_in, brake=brake)
    assert isinstance(await shelf.through(ANN), Polling)
    assert isinstance(await shelf.replay(), Polling)
    assert brake.seen == [("take", "Cred", "ann"), ("settle", "Cred", True, None)], "accepted: polls ask nothing"


async def test_a_warned_answer_is_kept_for_renewal_without_the_warning() -> None:
    warned = CredentialsAnswer(username="ann", password=Secret("right"), anyway="last_try")
    outcome = await Shelf(signing_in(by_argument)).through(warned)
    assert isinstance(outcome, Granted) and b"last_try" not in outcome.answers["credentials"]
    assert outcome.username == "ann"


async def test_a_brake_that_fails_is_no_answer_of_the_ehr() -> None:
    class Broken(NotedBrake):
        async def take(self, typed: Typed, username: str) -> Refusal | None:
            raise ConnectionError("no database")

    shelf = Shelf(signing_in(by_argument), brake=Broken())
    outcome = await shelf.replay()
    shelf.answer(outcome, ANN)
    with pytest.raises(ConnectionError):
        await shelf.replay()
    assert [entry.kind for entry in shelf.entries] == ["ask"], "nothing was begun, so nothing was cut off"
