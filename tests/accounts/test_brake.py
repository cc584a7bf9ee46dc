"""The rules of the brake (S-141), without a database: what may go to an EHR after what went there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from cobalt_link.accounts import brake
from cobalt_link.accounts.brake import NextTry, Try, Wait, Who, decide, usernames_left
from cobalt_link.accounts.logins import login_of
from cobalt_link.connector.refusals import Refusal, TooManyCodes, TooManyTries, WrongCredentials

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def tried(
    *outcomes: str, who: Who = "known", left: int | None = None, minutes: float = 5, kind: str = "password", **more: Any
) -> list[Try]:
    """Tries with these outcomes, so many minutes ago. `left` is what the EHR said to the last one."""
    at = NOW - timedelta(minutes=minutes)
    given: dict[str, Any] = {"kind": kind, "who": who, "source": "elsewhere", "tries_left": None, "at": at}
    given |= {"typed": b"other", "anyway": None} | more
    rows: list[dict[str, Any]] = [{"id": n, "outcome": each} | given for n, each in enumerate(outcomes)]
    rows[-1]["tries_left"] = left
    return [Try(**row) for row in rows]


def following(who: Who = "known", **more: Any) -> NextTry:
    given: dict[str, Any] = {"kind": "password", "typed": [b"mine"], "source": "here", "now": NOW}
    return NextTry(who=who, **(given | more))


def code(found: Refusal | Wait | None) -> str:
    """The decision in one word."""
    if isinstance(found, Refusal):
        reason = found.details.get("reason")
        return f"{found.code}:{reason}" if reason else found.code
    return "wait" if isinstance(found, Wait) else "send"


HELD, WARNED = "too_many_tries", "wrong_credentials:last_try"


@pytest.mark.parametrize(
    ("tries", "asked", "decision"),
    [
        ([], following("stranger"), "send"),
        # An EHR that does not say how many tries are left: three in half an hour.
        (tried("wrong", "wrong"), following(), "send"),
        (tried("wrong", "wrong", "wrong"), following(), f"{HELD}:known"),
        (tried("wrong", "wrong", "wrong", minutes=31), following(), "send"),
        (tried("wrong", "locked", "unknown"), following("renewal"), HELD),
        (tried("wrong", "wrong"), following("renewal"), "send"),
        # Whoever has an account on the login may insist once, after a warning; after a lock more often.
        (tried("wrong", "wrong", "wrong"), following(anyway="last_try"), "send"),
        (tried("wrong", "wrong", "wrong", anyway="last_try"), following(anyway="last_try"), HELD),
        (tried("wrong", "wrong") + tried("locked", anyway="last_try", minutes=4), following(anyway="last_try"), "send"),
        (tried("wrong", "wrong") + tried("locked", anyway="last_try", minutes=4), following(), f"{HELD}:known"),
        (tried("locked", "locked", "locked", anyway="last_try"), following(anyway="last_try"), HELD),
        (tried("wrong", "wrong", "wrong"), following("renewal", anyway="last_try"), HELD),
        # An EHR that says it: as long as tries are left, the last one only after a warning.
        (tried("wrong", "wrong", "wrong", "wrong", left=2), following(), "send"),
        (tried("wrong", left=1), following(), WARNED),
        (tried("wrong", left=1), following(anyway="last_try"), "send"),
        (tried("wrong", left=1), following("renewal"), HELD),
        (tried("wrong", left=1), following("stranger"), WARNED),
        (tried("wrong", left=1), following("stranger", last_try=False, anyway="last_try"), HELD),
        (tried("wrong", left=0), following(anyway="last_try"), HELD),
        (tried("wrong", left=3) + tried("unknown", minutes=4), following(), "send"),
        (tried("wrong", left=2) + tried("unknown", minutes=4), following(), WARNED),
        # Strangers: two together, whatever the EHR says.
        (tried("wrong", who="stranger", left=9), following("stranger"), "send"),
        (tried("wrong", "wrong", who="stranger", left=9), following("stranger"), HELD),
        (tried("wrong", "wrong", who="stranger", left=9), following("stranger", anyway="last_try"), HELD),
        (tried("wrong", "wrong", who="stranger", left=9), following("renewal"), "send"),
        (tried("wrong", "wrong", who="stranger"), following("renewal"), "send"),
        # What the EHR did not answer counts, and is told as such.
        (tried("unknown", "begun", who="stranger"), following("stranger"), f"{HELD}:unanswered"),
        # The same password.
        (tried("wrong", typed=b"mine"), following(), "wrong_credentials:same_password"),
        (tried("wrong", typed=b"mine", minutes=40_000), following("renewal"), "wrong_credentials:same_password"),
        (tried("wrong", typed=b"mine", left=4), following(anyway="same_password"), "send"),
        (tried("wrong", typed=b"mine", left=1), following(anyway="same_password"), WARNED),
        (tried("unknown", typed=b"mine"), following(), "send"),
        (tried("right", typed=b"mine"), following("stranger"), "send"),
        # What is being sent elsewhere: its answer decides.
        (tried("begun", typed=b"mine", minutes=0.5), following(), "wait"),
        (tried("begun", typed=b"mine", minutes=0.5, source="here"), following(), "send"),
        (tried("begun", minutes=0.5), following(), "send"),
        (tried("begun", "begun", who="stranger", minutes=0.5), following("stranger"), "wait"),
        (tried("wrong", left=2) + tried("begun", minutes=0.5), following(), "wait"),
        (tried("right", typed=b"mine") + tried("begun", typed=b"mine", minutes=0.5), following(), "send"),
        (tried("right", typed=b"mine") + tried(*3 * ["begun"], typed=b"mine", minutes=0.5),
         following("renewal"), "wait"),
        # Codes: three in a quarter of an hour, and then no password either, which would only bring another code.
        (tried("wrong", "wrong", kind="code"), following(kind="code", typed=[]), "send"),
        (tried("wrong", "wrong", "wrong", kind="code"), following(kind="code", typed=[]), "too_many_codes:brake"),
        (tried("wrong", "wrong", "wrong", kind="code"), following(), "too_many_codes:brake"),
        (tried("wrong", "wrong", "wrong", kind="code", minutes=16), following(kind="code", typed=[]), "send"),
        (tried("wrong", "wrong", kind="code") + tried("begun", kind="code", minutes=0.5),
         following(kind="code", typed=[]), "wait"),
    ],
)  # fmt: skip
def test_the_decision_for_each_history(tries: list[Try], asked: NextTry, decision: str) -> None:
    assert code(decide(tries, asked)) == decision


def test_a_refusal_says_when_the_next_try_is_free() -> None:
    tries = tried("wrong", minutes=29, who="stranger") + tried("wrong", minutes=8, who="stranger")
    held = decide(tries, following("stranger"))
    assert isinstance(held, TooManyTries) and held.details == {"minutes": 1}
    codes = tried("wrong", minutes=10, kind="code") + tried("wrong", "wrong", minutes=1, kind="code")
    no_more = decide(codes, following(kind="code", typed=[]))
    assert isinstance(no_more, TooManyCodes) and no_more.details == {"minutes": 5, "reason": "brake"}


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["stranger", "known", "renewal"]), st.floats(0, 20), st.booleans()), max_size=40
    ),
    locks_at=st.integers(1, 6),
    tells=st.booleans(),
)
def test_no_mix_of_people_passes_the_limits(
    steps: list[tuple[Who, float, bool]], locks_at: int, tells: bool
) -> None:  # S-141
    """An EHR that locks after so many wrong passwords, and people who type only wrong ones, warned or not."""
    now, tries, wrong = NOW, list[Try](), 0
    for n, (who, minutes, insists) in enumerate(steps):
        now += timedelta(minutes=minutes)
        asked = following(who, now=now, typed=[b"%d" % n], anyway="last_try" if insists else None)
        recent = [each for each in tries if each.at > now - brake.WINDOW]
        if decide(tries, asked) is not None:
            continue
        told = recent[-1].tries_left if recent else None
        if told is not None and told <= 1:
            assert insists and who != "renewal", "the last try was sent without a warning"
        wrong += 1
        left = max(locks_at - wrong, 0) if tells and wrong < locks_at else None
        said: dict[str, Any] = {"outcome": "wrong" if wrong < locks_at else "locked", "tries_left": left, "at": now}
        tries.append(Try(id=n, kind="password", typed=b"", source=f"s{n}", who=who, anyway=asked.anyway, **said))
        within = [each for each in tries if each.at > now - brake.WINDOW]
        assert sum(each.who == "stranger" for each in within) <= brake.MOST_OF_STRANGERS
        if not tells:
            assert len(within) <= brake.MOST + brake.MOST_AFTER_LOCK


def test_usernames_of_a_session_are_slowed_from_the_third_and_end_with_the_sixth() -> None:
    just_now = NOW - timedelta(seconds=1)
    found = [usernames_left(others, just_now, NOW) for others in range(7)]
    assert found[:2] == [None, None]
    assert all(isinstance(each, WrongCredentials) for each in found[2:5])
    assert all(isinstance(each, TooManyTries) and each.details == {"reason": "usernames"} for each in found[5:])
    assert usernames_left(4, NOW - brake.PAUSE, NOW) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("sandbox", "https://ehr.example", "Ann"), ("sandbox", "https://EHR.example/path", "ａｎｎ")),
        (("sandbox", "https://ehr.example", "ann"), ("sandbox", "https://ehr.example", " a\u200bnn\t")),
        (("sandbox", "https://ehr.example", "JOSÉ"), ("sandbox", "https://ehr.example", "jose\u0301")),
    ],
)
def test_spellings_of_one_login_are_counted_together(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert login_of(*one) == login_of(*other)


@pytest.mark.parametrize("other", [("gnuhealth", "https://ehr.example", "ann"), ("sandbox", "https://b.example", "ann"),
                                   ("sandbox", "https://ehr.example:8443", "ann"),
                                   ("sandbox", "https://ehr.example", "anne")])  # fmt: skip
def test_other_logins_are_counted_apart(other: tuple[str, str, str]) -> None:
    assert login_of("sandbox", "https://ehr.example", "ann") != login_of(*other)
