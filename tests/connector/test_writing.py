"""What a connector has to have for the writes that its manifest declares."""

from __future__ import annotations

from typing import Any

from cobalt_link.connector.writing import Writing, Writings, undone


async def good(connector: Any, chart: Any, write: Any) -> Any: ...


async def looks(connector: Any, chart: Any, write: Any, ehr_id: str | None) -> Any: ...


async def greedy(connector: Any, chart: Any, write: Any, more: Any) -> Any: ...


def at_once(connector: Any, chart: Any, write: Any) -> Any: ...


def test_each_declared_write_has_its_functions_and_the_other_way_round() -> None:
    writings: Writings = {"tasks.create": Writing(write=good, read_back=looks, check=good)}
    assert undone({"tasks.create": ()}, writings) == []
    assert undone({}, writings) == ["Declare tasks.create under [writes]."]
    assert undone({"claims.create": (), "tasks.create": ()}, writings) == [
        "[writes] declares claims.create, but `writings` does not have it."
    ]


def test_the_functions_of_a_write_take_what_they_are_called_with() -> None:
    wrong: Any = {"write": greedy, "read_back": good, "check": at_once}
    said = undone({"tasks.create": ()}, {"tasks.create": Writing(**wrong)})
    assert said == [
        "`write` of tasks.create must take (connector, chart, write).",
        "`read_back` of tasks.create must take (connector, chart, write, ehr_id).",
        "`check` of tasks.create must be an `async def`.",
    ]
