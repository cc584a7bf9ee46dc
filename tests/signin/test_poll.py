"""What a run leaves of an open wait: a poll that works without the sign-in around it."""

from __future__ import annotations

import gc

import msgspec
import pytest

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.panes import Credentials, CredentialsAnswer, Waiting
from cobalt_link.connector.refusals import PushDenied, Refusal, TooManyTries
from cobalt_link.connector.secrets import Secret
from cobalt_link.signin.brake import NoBrake, Typed
from cobalt_link.signin.replay import Granted, Polling, SignIn
from tests.signin.runs import GRANT, PASSWORD, Ehr, Shelf, credentials


class Runs:
    """A sign-in with a password and a push. `runs` counts how often it ran from the top."""

    def __init__(self, ehr: Ehr, *, gives_password: bool = False) -> None:
        self.ehr = ehr
        self.gives_password = gives_password
        self.runs = 0

    async def __call__(self, ask: Ask) -> Grant:
        self.runs += 1
        who = await ask(Credentials())
        await ask.once("log_in", self.log_in, who.password)
        if self.gives_password:
            await ask.until("approval", self.poll_with, who.password, pane=Waiting())
        else:
            await ask.until("approval", self.ehr.step("poll"), pane=Waiting())
        return GRANT

    async def log_in(self, password: Secret) -> None:
        password.reveal()

    async def poll_with(self, password: Secret) -> str | None:
        assert password.reveal() == PASSWORD
        return await self.ehr.step("poll")()


async def waiting(shelf: Shelf) -> Polling:
    outcome = await shelf.through(credentials())
    assert isinstance(outcome, Polling)
    return outcome


async def test_polls_without_news_run_nothing_of_the_sign_in_and_write_nothing() -> None:
    runs = Runs(Ehr())
    shelf = Shelf(runs)
    rest = await waiting(shelf)
    before = runs.runs, shelf.written
    polled = len(runs.ehr.done)
    assert [await rest.poll() for _ in range(50)] == [None] * 50
    assert (runs.runs, shelf.written) == before and len(runs.ehr.done) == polled + 50


@pytest.mark.parametrize("end", ["a session", PushDenied()])
async def test_what_a_poll_gives_is_what_the_next_run_goes_on_with(end: object) -> None:
    runs = Runs(Ehr())
    shelf = Shelf(runs)
    rest = await waiting(shelf)
    runs.ehr.says["poll"] = end
    entry = await rest.poll()
    assert (
        entry is not None and entry.n == rest.n and entry.state == ("refused" if isinstance(end, Refusal) else "done")
    )
    shelf.keep([each for each in shelf.entries if each.n != entry.n] + [entry])
    polled = len(runs.ehr.done)
    outcome = await shelf.replay()
    assert isinstance(outcome, Granted) == (end == "a session")
    assert len(runs.ehr.done) == polled, "no second poll for what is known"


async def test_an_error_of_a_poll_is_an_entry_and_not_an_exception() -> None:
    runs = Runs(Ehr())
    rest = await waiting(Shelf(runs))
    runs.ehr.says["poll"] = RuntimeError(PASSWORD)
    entry = await rest.poll()
    assert entry is not None and entry.state == "refused" and PASSWORD.encode() not in (entry.value or b"")


@pytest.mark.parametrize("gives_password", [False, True])
async def test_a_secret_stays_only_if_the_connector_gave_it_to_the_poll(gives_password: bool) -> None:
    rest = await waiting(Shelf(Runs(Ehr(), gives_password=gives_password)))
    gc.collect()
    assert await rest.poll() is None
    assert any(isinstance(each, CredentialsAnswer | Secret) for each in reachable(rest.poll)) == gives_password


class Full(NoBrake):
    """Lets the first two uses of a password pass."""

    taken = 0

    async def take(self, typed: Typed, username: str) -> Refusal | None:
        self.taken += 1
        return TooManyTries(reason="known") if self.taken > 2 else None


async def test_a_poll_that_may_send_a_password_asks_the_brake_each_time() -> None:  # S-141
    brake = Full()
    sign_in: SignIn = Runs(Ehr(), gives_password=True)
    shelf = Shelf(sign_in, brake=brake)
    shelf.answer(await shelf.replay(), credentials())
    rest = await shelf.replay()
    assert isinstance(rest, Polling) and brake.taken == 2
    entry = await rest.poll()
    assert entry is not None and entry.state == "refused" and brake.taken == 3


def reachable(start: object) -> list[object]:
    """Everything that `start` keeps alive, as far as it is data and not code."""
    found: dict[int, object] = {}
    left = [start]
    while left:
        each = left.pop()
        is_code = isinstance(each, type | type(gc) | Runs | Ehr) or (callable(each) and each is not start)
        if id(each) in found or is_code:
            continue
        found[id(each)] = each
        left += [getattr(each, name) for name in each.__struct_fields__] if isinstance(each, msgspec.Struct) else []
        left += gc.get_referents(each)
    return list(found.values())
