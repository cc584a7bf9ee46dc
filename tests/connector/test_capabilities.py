"""What a class has to have for what its manifest declares, and both ways to give records."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from cobalt_link import connector as cl
from cobalt_link.connector import installed
from cobalt_link.connector.capabilities import FILTERS, PROTOCOLS, listed, mismatches, streamed, undeclared
from cobalt_link.connector.capabilities import READS as READ_CAPABILITIES
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.declared import declared
from cobalt_link.connector.manifest import read_manifest
from tests.accounts.tiny import TinyConnector
from tests.house.tree import SOURCE, python_files, within

READS = tuple(PROTOCOLS)


class Whole:
    """Has the method of every capability, with the arguments of its protocol."""

    async def appointments(self, chart: Any, query: Any) -> AsyncIterator[int]:
        yield 1

    async def patients(self, chart: Any, query: Any, extra: int = 0) -> list[int]:
        return [1]

    async def providers(self, chart: Any) -> list[int]:
        return [1]


async def one(self: Any, chart: Any) -> list[int]:
    return [1]


async def asked(self: Any, chart: Any, query: Any) -> list[int]:
    return [1]


async def by_id(self: Any, chart: Any, ehr_id: str) -> int:
    return 1


for capability, read in READ_CAPABILITIES.items():
    if not hasattr(Whole, capability):
        setattr(Whole, capability, by_id if capability == "document_files" else asked if read.query else one)


def with_(**methods: Any) -> type:
    return type("Changed", (Whole,), methods)


async def no_query(self: Any, chart: Any) -> list[int]:
    return []


async def one_more(self: Any, chart: Any, ehr_id: Any, more: Any) -> None: ...


def at_once(self: Any, chart: Any) -> list[int]:
    return []


def test_a_class_that_has_what_it_declares_has_no_mismatch() -> None:
    assert [*mismatches(Whole, READS)] == [] and [*undeclared(Whole, READS)] == []
    assert [*mismatches(TinyConnector, TinyConnector.manifest.reads)] == []


@pytest.mark.parametrize(
    ("kind", "declared", "found"),
    [
        (with_(providers=None), ("providers",), "no method `providers`. Write it."),
        (Connector, ("settings",), "no method `settings`. Write it."),
        (with_(appointments=no_query), ("appointments",), "`appointments` must take (self, chart, query)."),
        (with_(providers=at_once), ("providers",), "`providers` must be an `async def`."),
        (with_(appointment=one_more), (), "`appointment` must take (self, chart, ehr_id)."),
        (with_(renew=at_once), (), "`renew` must be an `async def`."),
    ],
)
def test_a_mismatch_says_what_to_write(kind: type, declared: Any, found: str) -> None:
    ((_, text),) = mismatches(kind, declared)
    assert text.endswith(found)


def test_methods_that_nobody_calls_are_named_with_the_capability_to_declare() -> None:
    some = with_(appointment=no_query)
    rest = [each for each in READS if each not in ("appointments", "locations")]
    assert {*undeclared(some, rest)} == {
        ("appointments", "appointments"), ("appointment", "appointments"), ("locations", "locations"),
    }  # fmt: skip


def test_the_filters_are_the_fields_of_the_queries() -> None:
    assert FILTERS["patients"] == {"dob", "first_name", "last_name", "mrn", "ehr_id", "phone", "updated_since"}
    assert "appointment_mode" in FILTERS["appointments"] and "mode" not in FILTERS["appointments"]


def test_a_connector_that_does_not_do_what_it_declares_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(TinyConnector, "providers")
    monkeypatch.setattr(installed, "entry_points", lambda group: [EntryPoint("tiny", "x", group)])
    monkeypatch.setattr(EntryPoint, "load", lambda self: TinyConnector)
    with pytest.raises(installed.ConnectorBroken, match=r"tiny does not do what its manifest declares.*`providers`"):
        installed.classes()


async def gives(*records: int) -> list[int]:
    return [*records]


async def yields(*records: int) -> AsyncIterator[int]:
    for each in records:
        yield each


@pytest.mark.parametrize("kind", [gives, yields])
async def test_records_are_taken_as_a_list_and_one_by_one(kind: Any) -> None:
    assert await listed(kind(1, 2, 3)) == [1, 2, 3]
    assert [each async for each in streamed(kind(1, 2, 3))] == [1, 2, 3]
    assert await listed(kind()) == []


def test_everything_that_an_author_needs_stands_in_one_package() -> None:
    assert len({*cl.__all__}) == len(cl.__all__)
    for name in ("Connector", "Ask", "Secret", "Grant", "EhrUser", "EhrInstance", "Chart", "JsonApi", "Http"):
        assert hasattr(cl, name)
    missing = {kind.__name__ for kind in PROTOCOLS.values()} - {*cl.__all__}
    assert not missing


def test_a_resource_stands_in_few_files() -> None:
    """What a new read resource costs: its model and its entry among the models, its resource, and each EHR."""
    paths = [
        path for room in ("connector", "records", "conformance") for path in python_files(SOURCE / "cobalt_link" / room)
    ]
    for capability in ("claims", "telephone_encounters"):  # no topic and no field has the same name
        word = re.compile(rf'"{capability}"|\b{capability}\.READ|\bReads{capability.title().replace("_", "")}\b')
        found = {within(path).removeprefix("src/cobalt_link/") for path in paths if word.search(path.read_text())}
        ours = {
            f"connector/models/{capability}.py",
            f"records/resources/{capability}.py",
            "connector/models/__init__.py",
        }
        assert found <= ours and len(found) == 3, capability
        for ehr in (SOURCE / "cobalt_link" / "connectors").iterdir():
            files = [*ehr.rglob("*.py"), *ehr.rglob("*.toml")]
            declares = re.compile(rf"\bdef {capability}\(|^{capability} *=", re.MULTILINE)
            assert sum(bool(declares.search(path.read_text())) for path in files) <= 1, (ehr.name, capability)


def test_a_method_can_declare_its_read_and_its_filters() -> None:
    class One:
        @cl.reads("mrn", "last_name")
        async def patients(self, chart: Any, query: Any) -> list[int]:
            return []

        async def providers(self, chart: Any) -> list[int]:
            return []

    class Both(One):
        @cl.reads()
        async def locations(self, chart: Any) -> list[int]:
            return []

    assert declared(One) == {"patients": ("mrn", "last_name")}
    assert declared(Both) == {"patients": ("mrn", "last_name"), "locations": ()}
    with pytest.raises(TypeError, match=r"^There is no read people\. Reads: appointments, "):

        @cl.reads()
        async def people(self: Any, chart: Any) -> None: ...


def test_a_manifest_has_what_the_methods_declare_beside_its_own(tmp_path: Path) -> None:
    written = 'key = "x"\nname = "X"\nsign_in_version = 1\nsummary = "x"\nmark = "X"\n[reads]\nproviders = []\n'
    (tmp_path / "manifest.toml").write_text(written)
    assert read_manifest(tmp_path, {"patients": ("mrn",)}).reads == {"providers": (), "patients": ("mrn",)}
    assert read_manifest(tmp_path).reads == {"providers": ()}
