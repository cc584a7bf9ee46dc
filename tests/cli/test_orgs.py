import pytest

from tests.cli.conftest import Run


@pytest.fixture
async def acme(run: Run) -> str:
    return (await run("clients", "create", "Acme", "--test", "--json")).json["client_id"]


async def test_an_org_is_set_shown_and_listed(run: Run, acme: str) -> None:
    assert (await run("orgs", "list", acme)).out.startswith("Acme has no orgs yet")
    made = await run(
        "orgs", "set", acme, "clinic-1", "--emr-name", "sandbox ehr", "--emr-instance-domain", "his.example.org",
        "--time-zone", "America/Phoenix", "--visit-type", "np=New patient", "--visit-type", "fu=Follow-up",
        "--allowed-ehr-domain", "*.example.org", "--branding-name", "Larkspur", "--place", "Tucson, AZ", "--listed",
        "--json",
    )  # fmt: skip
    assert made.code == 0, made
    shown = (await run("orgs", "show", acme, "clinic-1", "--json")).json
    assert shown == made.json
    assert (shown["emr_name"], shown["emr_instance_domain"]) == ("sandbox ehr", "https://his.example.org")
    assert shown["visit_types"] == [
        {"code": "np", "description": "New patient"},
        {"code": "fu", "description": "Follow-up"},
    ]
    changed = (await run("orgs", "set", acme, "clinic-1", "--time-zone", "", "--no-listed", "--json")).json
    assert (changed["time_zone"], changed["listed"], changed["place"]) == (None, False, "Tucson, AZ")
    assert "https://his.example.org" in (await run("orgs", "list", acme)).out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["show", "clinic-0"], "org_id"),
        (["set", "clinic-1", "--emr-name", "Wonder EHR"], "emr_name"),
        (["set", "clinic-1", "--emr-name", "GNU Health"], "cobalt clients create"),
        (["set", "clinic-1", "--emr-instance-domain", "http://169.254.169.254"], "reserved"),
        (["set", "clinic-1", "--emr-instance-domain", "a.example", "--allowed-ehr-domain", "b.example"], "a.example"),
        (["set", "..", "--place", "Tucson"], "org_id"),
        (["set", "clinic-1", "--time-zone", "Mars"], "America/Phoenix"),
        (["set", "clinic-1", "--visit-type", "np"], "CODE=DESCRIPTION"),
    ],
)
async def test_what_an_org_cannot_be_is_one_line(run: Run, acme: str, words: list[str], hint: str) -> None:
    said = await run("orgs", words[0], acme, *words[1:])
    assert said.code != 0
    assert (said.out, said.err.count("\n")) == ("", 1), said
    assert hint in said.err
    assert (await run("orgs", "list", acme, "--json")).json == {"orgs": []}


async def test_an_org_with_a_slash_is_set_and_shown(run: Run, acme: str) -> None:
    for org_id in ("north/2", "診療所", "%2F", '"q"'):
        assert (await run("orgs", "set", acme, org_id, "--place", "Tucson")).code == 0
        assert (await run("orgs", "show", acme, org_id, "--json")).json["org_id"] == org_id
