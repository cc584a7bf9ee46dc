import pytest

from tests.cli.conftest import Run

EHR = "https://ehr.example.org/fhir/R4"
CALLBACKS = ("https://acme.example/linked", "https://acme.example/launched")


@pytest.fixture
async def acme(run: Run) -> str:
    callbacks = [word for each in CALLBACKS for word in ("--callback-url", each)]
    return (await run("clients", "create", "Acme", *callbacks, "--json")).json["client_id"]


async def test_launches_of_an_ehr_are_set_listed_replaced_and_removed(run: Run, acme: str) -> None:
    assert (await run("launches", "list")).out.startswith("No EHR may open an app yet")
    made = await run("launches", "set", f"{EHR}/", "--client", acme, "--org", "clinic-1", "--json")
    assert made.code == 0, made
    first = {"fhir_server": EHR, "client_id": acme, "org_id": "clinic-1", "callback_url": CALLBACKS[0]}
    assert made.json == first | {"launch_url": "http://127.0.0.1:8420/launch"}
    said = await run("launches", "set", EHR, "--client", "Acme", "--org", "clinic-2", "--callback", CALLBACKS[1])
    assert "Enter this launch address at the EHR" in said.out, said
    listed = (await run("launches", "list", "--json")).json["launches"]
    assert listed == [first | {"org_id": "clinic-2", "callback_url": CALLBACKS[1]}]
    assert "opens no app any more" in (await run("launches", "remove", f"{EHR}/")).out
    assert (await run("launches", "remove", EHR)).code == 1


async def test_what_launches_cannot_be_is_one_line(run: Run, acme: str) -> None:
    await run("clients", "create", "Trial", "--test", "--json")
    wrong = [
        ([EHR, "--client", acme, "--org", "c", "--callback", "https://evil.example/"], "no callback address of Acme"),
        ([EHR, "--client", "Trial", "--org", "c"], "test client"),
        (["EHR.example.org/fhir", "--client", acme, "--org", "c"], "https://ehr.example.org/fhir"),
        ([f"{EHR}?x=1", "--client", acme, "--org", "c"], "address"),
        ([EHR, "--client", "nobody", "--org", "c"], "cobalt clients list"),
        ([EHR, "--client", acme, "--org", ".."], "org_id"),
    ]
    for words, hint in wrong:
        said = await run("launches", "set", *words)
        assert (said.code != 0, said.out, said.err.count("\n")) == (True, "", 1), said
        assert hint in said.err, said
    assert (await run("launches", "list", "--json")).json == {"launches": []}
