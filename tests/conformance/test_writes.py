"""The check finds writes that do not fit the manifest, and the guide's write works on the real sandbox EHR."""

from __future__ import annotations

import re
from pathlib import Path

from cobalt_link.conformance.manifests import writes_findings
from cobalt_link.connector import Chart, EhrInstance, Http, NewTask
from tests.conformance.worked_example import PAGE, Change, loaded, write
from tests.support.world import Sandbox

TEXT = PAGE.read_text("utf-8").partition("\n## The writes\n")[2]
FUNCTIONS, NAMED, DECLARED = re.findall(r"^```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[:3]
CLASS = "class Larkspur(cl.Connector):\n"
WRITES: tuple[Change, ...] = (("__init__.py", CLASS, f"{FUNCTIONS}\n\n{CLASS}{NAMED}\n"),)
MANIFEST: tuple[Change, ...] = (("manifest.toml", "[reads]", f"{DECLARED}\n[reads]"),)


async def test_the_guides_write_is_in_the_chart_and_found_by_its_reference(tmp_path: Path, sandbox: Sandbox) -> None:
    write(tmp_path, *WRITES, *MANIFEST, page=PAGE)
    session = await sandbox.session()
    person = (await sandbox.read("patients", session))["patients"][0]
    chart = Chart(instance=EhrInstance(address=sandbox.address), tenant="1", session={"session": session})
    task = NewTask(
        ref="a" * 32, patient_ehr_id=person["id"], patient_mrn=person["mrn"], description="B", subject="A",
        assignee_ehr_id="u501",
    )  # fmt: skip
    http = Http(allow_private=True)
    with loaded(tmp_path) as kind:
        assert not [*writes_findings(kind)]
        writing = kind.writings["tasks.create"]
        assert writing.read_back and await writing.read_back(kind(http), chart, task, None) is None
        written = await writing.write(kind(http), chart, task)
        held = await writing.read_back(kind(http), chart, task, None)
    await http.close()
    assert held and held.ehr_id == written.ehr_id
    assert held.fields == {
        "patient_ehr_id": person["id"], "subject": "A", "description": "B", "assignee_ehr_id": "u501",
    }  # fmt: skip


def test_a_write_that_only_one_side_has_or_that_takes_too_little_is_found(tmp_path: Path) -> None:
    for place, (changes, said) in enumerate((
        (WRITES, "Declare tasks.create under [writes]."),
        (MANIFEST, "[writes] declares tasks.create, but `writings` does not have it."),
        (
            (*WRITES, *MANIFEST, ("__init__.py", "write: cl.NewTask, ehr_id: str | None", "write: cl.NewTask")),
            "`read_back` of tasks.create must take (connector, chart, write, ehr_id).",
        ),
    )):  # fmt: skip
        folder = tmp_path / str(place)
        write(folder, *changes, page=PAGE)
        with loaded(folder) as kind:
            assert [each.text for each in writes_findings(kind)] == [said]
