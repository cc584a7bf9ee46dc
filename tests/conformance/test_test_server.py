"""The EHR that a connector's cases bring: started, asked, and gone afterwards; and connectors that are installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cobalt_link.conformance.cases import Case, CaseBroken, CaseStep, Program, answer_to, filled, read_cases, wanted
from cobalt_link.conformance.check import check
from cobalt_link.conformance.manifests import shared_names
from cobalt_link.conformance.test_server import send, started
from cobalt_link.connector.installed import Installed, installed
from cobalt_link.connector.manifest import read_manifest
from cobalt_link.connector.panes import Choice, Code, Consent, Credentials, Option, Pane, Waiting
from cobalt_link.net.http import Http
from tests.conformance.worked_example import LINK_TEXTS, loaded, write
from tests.support.world import Sandbox

PROGRAM = Program(module="sandbox_ehr", args=("--port", "0", "--data", "{folder}"))


async def test_the_program_runs_while_it_is_needed_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    http = Http(allow_private=True)
    async with started(PROGRAM) as address:
        await send(http, address, CaseStep(send="PUT /api/_lab/clock", json={"advance": 60}))
        assert [*tmp_path.iterdir()]
    with pytest.raises(CaseBroken):
        await send(http, address, CaseStep(send="GET /api/_lab/clock"))
    await http.close()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("program", "said"),
    [(Program(module="no_such_module"), "No module named no_such_module"), (Program(module="this"), "no address"),
     (Program(module="sandbox_ehr", args=("--dance",)), "--dance")],
)  # fmt: skip
async def test_a_program_that_does_not_start_says_why(program: Program, said: str) -> None:
    with pytest.raises(CaseBroken, match=said):
        async with started(program):
            pass


async def test_a_request_that_the_ehr_refuses_breaks_the_case(sandbox: Sandbox) -> None:
    http = Http(allow_private=True)
    with pytest.raises(CaseBroken, match="PUT /api/_lab/clock: the EHR answered 400"):
        await send(http, sandbox.address, CaseStep(send="PUT /api/_lab/clock", json={"tick": 1}))
    await http.close()


def test_names_in_braces_are_filled_in_everywhere() -> None:
    case = Case(
        name="x", ends="granted", needs=("clinic",),
        prepare=(CaseStep(send="PUT /users/{login}", json={"password": ["{canary}", 5]}),),
        steps=(CaseStep(username="{login}", password="{password}"),),
    )  # fmt: skip
    assert wanted(case) == {"login", "password", "clinic"}
    values = {"login": "ann", "password": lambda: "secret", "canary": "c"}
    assert filled(case.prepare[0], values) == CaseStep(send="PUT /users/ann", json={"password": ["c", 5]})
    assert filled(case.steps[0], values) == CaseStep(username="ann", password="secret")


CHOICE = Choice(name="clinic", options=(Option(value="1", label="One"),))


@pytest.mark.parametrize(
    ("pane", "step"),
    [(Credentials(), CaseStep(code="1")), (Credentials(), CaseStep(username="ann")), (Code(), CaseStep(value="1")),
     (CHOICE, CaseStep(action="resend")), (Waiting(), CaseStep(none=True)), (Consent(), CaseStep(action="again"))],
)  # fmt: skip
def test_an_answer_to_another_pane_breaks_the_case(pane: Pane, step: CaseStep) -> None:
    with pytest.raises(CaseBroken):
        answer_to(pane, step)


@pytest.mark.parametrize(
    ("pane", "step", "said"),
    [
        (Code(), CaseStep(resend=True), "resend=True"),
        (CHOICE, CaseStep(value="1"), "value='1'"),
        (CHOICE, CaseStep(none=True), "value=None"),
        (Waiting(), CaseStep(action="resend"), "action='resend'"),
        (Credentials(), CaseStep(username="a", password="b"), "Secret(•••)"),
    ],
)
def test_a_step_becomes_the_typed_answer(pane: Pane, step: CaseStep, said: str) -> None:
    assert said in repr(answer_to(pane, step))


def test_a_folder_without_cases_has_none(tmp_path: Path) -> None:
    assert read_cases(tmp_path) is None


def test_installed_connectors_are_found_by_their_entry_points() -> None:
    found = {each.name: each for each in installed()}
    assert found.keys() >= {"sandbox", "gnuhealth"}
    assert all(each.connector and each.connector.manifest.key == each.name for each in found.values())


def test_two_connectors_with_one_name_are_found(tmp_path: Path) -> None:
    package = write(tmp_path, ("manifest.toml", '"Larkspur Practice Suite"', '"cobalt SANDBOX"'))
    manifests = [each.connector.manifest for each in installed() if each.connector]
    assert not [*shared_names(manifests)]
    ((key, finding),) = shared_names([*manifests, read_manifest(package)])
    assert (key, finding.text) == (
        "larkspur", "'cobaltsandbox' is also a name of the connector sandbox. Remove it from one of them.",
    )  # fmt: skip


async def test_an_entry_point_goes_by_the_key(tmp_path: Path, sandbox: Sandbox) -> None:
    write(tmp_path)
    with loaded(tmp_path) as connector:
        (report,) = await check([Installed(name="other", connector=connector)], LINK_TEXTS, address=sandbox.address)
    assert [each.text for each in report.findings] == [
        "The entry point is named 'other'. Name it 'larkspur', as the key."
    ]


def test_this_process_keeps_no_program() -> None:
    if sys.platform == "linux":
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        named = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children if Path(f"/proc/{pid}").exists()]
        assert not [each for each in named if b"sandbox_ehr" in each]
