import asyncio

import pytest

from cobalt_link.developers.clients import Client
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.developers.org_settings import OrgChange, VisitType
from cobalt_link.developers.orgs import OrgMismatch, OrgNotFound, Orgs, UnknownEmr
from cobalt_link.kit.clock import MovedClock
from cobalt_link.store.database import Database
from cobalt_link.web.problems import InvalidRequest
from tests.developers.conftest import App, resolve_ehr


@pytest.fixture
async def client(acme: App) -> Client:
    return acme[0]


async def test_naming_an_org_makes_it_with_its_ehr(orgs: Orgs, client: Client) -> None:
    org = await orgs.ensure(client, "clinic-1", "gnu HEALTH", "HIS.example.org/")
    assert (org.ehr, org.emr_name, org.address) == ("gnuhealth", "gnu HEALTH", "https://his.example.org")
    assert await orgs.find(client, "clinic-1") == org


async def test_an_org_without_an_ehr_stays_open(orgs: Orgs, client: Client) -> None:
    assert (await orgs.ensure(client, "clinic-1")).ehr is None


async def test_an_org_that_was_open_takes_the_first_ehr_that_the_app_names(orgs: Orgs, client: Client) -> None:
    first = await orgs.ensure(client, "clinic-1")
    named = await orgs.ensure(client, "clinic-1", "Sandbox EHR")
    assert (named.id, named.ehr) == (first.id, "sandbox")
    with_address = await orgs.ensure(client, "clinic-1", "sandbox", "his.example.org")
    assert with_address.address == "https://his.example.org"


@pytest.mark.parametrize(
    ("emr_name", "domain"), [("Sandbox", None), ("GNU Health", "other.example.org"), (None, "http://his.example.org")]
)
async def test_another_ehr_or_address_for_a_known_org_is_a_conflict(
    orgs: Orgs, client: Client, emr_name: str | None, domain: str | None
) -> None:
    await orgs.ensure(client, "clinic-1", "GNU Health", "his.example.org")
    with pytest.raises(OrgMismatch) as caught:
        await orgs.ensure(client, "clinic-1", emr_name, domain)
    assert (caught.value.status, caught.value.code) == (409, "org_mismatch")
    assert "GNU Health at https://his.example.org" in caught.value.message


async def test_the_same_ehr_in_other_words_is_no_conflict(orgs: Orgs, client: Client) -> None:
    first = await orgs.ensure(client, "clinic-1", "Sandbox EHR", "https://his.example.org:443/")
    assert (await orgs.ensure(client, "clinic-1", "SANDBOX", "his.example.org")).id == first.id


async def test_an_unknown_emr_or_a_wrong_address_makes_no_org(orgs: Orgs, client: Client) -> None:
    with pytest.raises(UnknownEmr):
        await orgs.ensure(client, "clinic-1", "Wonder EHR")
    with pytest.raises(InvalidRequest, match="emr_instance_domain"):
        await orgs.ensure(client, "clinic-1", "Sandbox", "ftp://his")
    for org_id in ("", "x" * 201, "two\nlines"):
        with pytest.raises(InvalidRequest, match="org_id"):
            await orgs.ensure(client, org_id)
    assert await orgs.all(client) == []


async def test_a_known_org_costs_no_round_trip(orgs: Orgs, client: Client, db: Database) -> None:
    org = await orgs.ensure(client, "clinic-1", "Sandbox")
    await db.close()
    assert await orgs.ensure(client, "clinic-1", "Sandbox") == org
    assert await orgs.known(client.id, "clinic-1") == org


async def test_many_at_once_in_four_processes_make_one_org(db: Database, clock: MovedClock, client: Client) -> None:
    four = [Orgs(db, clock, resolve_ehr, EhrDomains({}, ())) for _ in range(4)]
    made = await asyncio.gather(*(each.ensure(client, "clinic-1", "Sandbox") for each in four for _ in range(8)))
    assert len({org.id for org in made}) == 1


async def test_of_two_that_name_different_ehrs_at_once_one_wins_and_the_other_is_told(
    db: Database, clock: MovedClock, client: Client
) -> None:
    for round_ in range(10):
        name = f"clinic-{round_}"
        asks = [
            Orgs(db, clock, resolve_ehr, EhrDomains({}, ())).ensure(client, name, emr)
            for emr in ("Sandbox", "GNU Health")
        ]
        results = await asyncio.gather(*asks, return_exceptions=True)
        assert sorted(type(each).__name__ for each in results) == ["Org", "OrgMismatch"]


async def test_an_org_that_is_open_is_named_by_one_of_two_at_once(
    db: Database, clock: MovedClock, client: Client, orgs: Orgs
) -> None:
    for round_ in range(10):
        name = f"clinic-{round_}"
        await orgs.ensure(client, name)
        asks = [
            Orgs(db, clock, resolve_ehr, EhrDomains({}, ())).ensure(client, name, emr)
            for emr in ("Sandbox", "GNU Health")
        ]
        results = await asyncio.gather(*asks, return_exceptions=True)
        assert sorted(type(each).__name__ for each in results) == ["Org", "OrgMismatch"]


# S-004
async def test_a_rival_has_orgs_of_its_own_under_the_same_id(orgs: Orgs, client: Client, rival: App) -> None:
    ours = await orgs.ensure(client, "clinic-1", "Sandbox")
    with pytest.raises(OrgNotFound):
        await orgs.find(rival[0], "clinic-1")
    with pytest.raises(OrgNotFound):
        await orgs.change(rival[0], "clinic-1", OrgChange(place="Tucson"))
    theirs = await orgs.ensure(rival[0], "clinic-1", "GNU Health")
    assert (theirs.id != ours.id, theirs.ehr) == (True, "gnuhealth")
    assert [each.id for each in await orgs.all(client)] == [ours.id]


async def test_a_change_leaves_what_is_not_named(orgs: Orgs, client: Client) -> None:
    await orgs.ensure(client, "clinic-1", "Sandbox")
    kinds = [VisitType("new_patient", "New patient visit")]
    await orgs.change(client, "clinic-1", OrgChange(time_zone="America/Phoenix", visit_types=kinds))
    org = await orgs.change(client, "clinic-1", OrgChange(branding_name=" Larkspur  Family ", time_zone=None))
    assert org.settings.visit_types == tuple(kinds)
    assert (org.settings.branding_name, org.settings.time_zone, org.ehr) == ("Larkspur Family", None, "sandbox")
    assert await orgs.find(client, "clinic-1") == org == await orgs.known(client.id, "clinic-1")


async def test_an_explicit_change_moves_an_org_to_another_ehr(orgs: Orgs, client: Client) -> None:
    await orgs.ensure(client, "clinic-1", "Sandbox")
    moved = await orgs.change(client, "clinic-1", OrgChange(), "GNU Health", "his.example.org")
    assert (moved.ehr, moved.address) == ("gnuhealth", "https://his.example.org")


@pytest.mark.parametrize(
    "change",
    [
        OrgChange(time_zone="Mars/Olympus"),
        OrgChange(time_zone="../../etc/passwd"),
        OrgChange(visit_types=[VisitType("", "nothing")]),
        OrgChange(visit_types=[VisitType("a", "one"), VisitType("a", "two")]),
        OrgChange(visit_types=[VisitType(str(n), "x") for n in range(501)]),
        OrgChange(allowed_ehr_domains=["https://his.example.org"]),
        OrgChange(allowed_ehr_domains=["*"]),
        OrgChange(branding_name="x" * 81),
        OrgChange(place="a\u202eb"),
    ],
)
async def test_settings_that_make_no_sense_change_nothing(orgs: Orgs, client: Client, change: OrgChange) -> None:
    before = await orgs.ensure(client, "clinic-1")
    with pytest.raises(InvalidRequest):
        await orgs.change(client, "clinic-1", change)
    assert await orgs.find(client, "clinic-1") == before


async def test_listed_orgs_are_those_that_say_so(orgs: Orgs, client: Client) -> None:
    for name in ("a", "b", "c"):
        await orgs.ensure(client, name)
    for name in ("a", "c"):
        await orgs.change(client, name, OrgChange(listed=True))
    await orgs.change(client, "c", OrgChange(listed=None))
    assert [org.org_id for org in await orgs.listed(client.id)] == ["a"]
