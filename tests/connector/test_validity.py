"""What a connector makes from an EHR's answer can be read back, whatever the EHR sends, or it is not stored."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import msgspec
import pytest

from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.panes import Choice, Code, Consent, Credentials, Option, Pane, PaneRefusal, Picker, Waiting
from cobalt_link.connector.refusals import Declined, Locked, catalogue
from cobalt_link.connector.validity import MOST_OPTIONS, POLL, NotValid, checked, poll_seconds, presentable

# One of each type that JSON has, beside what a field may hold.
ODD: list[Any] = ["x", 7, 1.5, True, [], {}, ["a"], {"a": 1}, "\ud800", b"\xff", object(), float("nan")]
WHOLE: list[Pane] = [
    Picker(), Consent(), Credentials(), Code(way="text", sent_to="34", length=6), Waiting(number="47"),
    Choice(name="clinic", options=(Option(value="1", label="North"),)),
]  # fmt: skip


@pytest.mark.parametrize("pane", WHOLE, ids=[type(each).__name__ for each in WHOLE])
def test_no_field_of_a_pane_holds_what_cannot_be_read_back(pane: Pane) -> None:
    for field, odd in product(pane.__struct_fields__, ODD):
        try:
            made = presentable(msgspec.structs.replace(pane, **{field: odd}))
        except NotValid:
            continue
        assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(made)), Pane) == made


def test_no_field_of_a_grant_holds_what_cannot_be_read_back() -> None:
    grant = Grant(user=EhrUser(id="7", username="ann"))
    for field, odd in product(Grant.__struct_fields__, ODD):
        try:
            made = checked(msgspec.structs.replace(grant, **{field: odd}))
        except NotValid:
            continue
        assert msgspec.json.decode(msgspec.json.encode(made), type=Grant) == made
    with pytest.raises(NotValid):
        checked(msgspec.structs.replace(grant, session={"token": "t" * 300_000}))


def test_details_of_a_refusal_are_short_texts_and_numbers_whatever_the_ehr_said() -> None:
    for kind, odd in product(catalogue().values(), [*ODD, None, "y" * 10_000]):
        shown = checked(PaneRefusal(kind.code, kind(said=odd).details))
        assert all(isinstance(each, str | int) and len(str(each)) <= 500 for each in shown.details.values())
    mixed: dict[str, Any] = {"said": "a\x00b\nc", "rest": ["one", 2, "three"]}
    assert Declined(**mixed).details == {"said": "abc", "rest": "one, three"}
    assert Locked(seconds=90.2).details == {"minutes": 2}


def test_a_choice_of_a_hundred_thousand_rows_is_cut_at_once() -> None:
    rows = tuple(Option(value=str(n), label=f"Clinic {n}") for n in range(100_000))
    began = time.process_time()
    shown = presentable(Choice(name="clinic", options=rows))
    assert time.process_time() - began < 0.2  # it takes 1 ms: the rows after the cut are not looked at
    assert isinstance(shown, Choice) and shown.options == rows[:MOST_OPTIONS]


@pytest.mark.parametrize(("said", "seconds"), [(5, 5.0), (0, POLL), (-1, POLL), (1e9, POLL), (float("nan"), POLL)])
def test_an_ehr_cannot_make_us_poll_without_a_pause_or_never_again(said: float, seconds: float) -> None:
    assert poll_seconds(said) == seconds
